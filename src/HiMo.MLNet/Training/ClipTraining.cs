using HiMo.MLNet.Modeling;
using HiMo.MLNet.Text;
using TorchSharp;

namespace HiMo.MLNet.Training;

/// <summary>Pairs of an image and a caption that can be read again and again.</summary>
/// <param name="Read">Opens a pass over them.</param>
/// <param name="Count">How many a pass has.</param>
internal sealed record PairSource(Func<IEnumerable<TrainingPair>> Read, long Count);

/// <summary>A model during and after its training.</summary>
/// <param name="Clip">The towers.</param>
/// <param name="Tokenizer">What cut the captions.</param>
/// <param name="Device">Where the towers are.</param>
/// <param name="Source">Where it came from, for errors.</param>
internal sealed record TrainedModel(ClipModel Clip, ClipTokenizer Tokenizer, torch.Device Device, string Source);

/// <summary>
/// One training from its options to the trained model: chooses devices, makes or loads the networks, resumes, and runs the
/// <see cref="Trainer"/>.
/// </summary>
/// <param name="options">The settings.</param>
/// <param name="device">Where to train, unless the options name devices.</param>
/// <param name="seed">Null for a random one.</param>
/// <param name="pairs">What to train on.</param>
/// <param name="validation">What to judge every epoch on, or null.</param>
/// <param name="measure">Measures a model in training on the validation pairs by any metric but the loss.</param>
/// <param name="ranks">The processes of the training.</param>
/// <param name="log">Receives what a user should know; of what all ranks know, rank 0's does.</param>
internal sealed class ClipTraining(
    TrainingOptions options, DeviceChoice device, int? seed, PairSource pairs, PairSource? validation,
    Func<TrainedModel, ValidationMetric, double> measure, Ranks ranks, ITrainingLog log)
{
    /// <summary>Trains; the model is the caller's to dispose of.</summary>
    public TrainedModel Run()
    {
        (IReadOnlyList<torch.Device> devices, TrainingPlan plan) = ranks.Together(
            () => (TorchRuntime.ChooseDevices(device, options.Devices), TrainingPlan.Of(options, pairs.Count)));
        IReadOnlyDictionary<string, string> settings = TrainingSettings.Of(options, plan, pairs.Count, validation?.Count, ranks.Size);
        ranks.RequireSame(TrainingSettings.OfRank(settings, options, seed));
        IDisposable? folder = null;
        var replicas = new List<NetworkReplica>();
        try
        {
            string? resumeFrom = ranks.FromFirst(() => OpenFolder(out folder));
            TrainingState state = ranks.FromFirst(() => StartingState(settings, resumeFrom));
            Announce(plan, devices, resumeFrom is null ? "begins" : $"goes on from step {state.Step} of '{resumeFrom}'");
            TrainedModel model = ranks.Together(() => CreateNetworks(replicas, devices, state, resumeFrom));
            RequireSameWeights(replicas[0], resumeFrom ?? options.Checkpoint);
            var trainer = new Trainer(
                replicas, options, plan, state, Validation(model, state.Seed), ranks, log.Report, Warn);
            trainer.Train(Data(pairs, model, options.CaptionSampling ?? options.Objective.Needs.CaptionSampling, state.Seed, trains: true),
                resumeFrom);
            replicas[0].Masks?.Dispose();
            foreach (NetworkReplica replica in replicas.Skip(1))
            {
                replica.Dispose();
            }

            return model;
        }
        catch
        {
            replicas.ForEach(replica => replica.Dispose());
            throw;
        }
        finally
        {
            folder?.Dispose();
        }
    }

    private string? OpenFolder(out IDisposable? folder)
    {
        folder = options.CheckpointFolder is { } path ? TrainingCheckpoint.Open(path) : null;
        string? resumeFrom = options.ResumeFrom is { } from ? TrainingCheckpoint.Find(from) : null;
        if (options.CheckpointFolder is not null)
        {
            TrainingCheckpoint.RequireOwn(options.CheckpointFolder, resumeFrom);
        }

        return resumeFrom;
    }

    // New ones are rank 0's; those of a file must be the same on every machine.
    private void RequireSameWeights(NetworkReplica networks, string? file)
    {
        if (ranks.IsAlone)
        {
            return;
        }

        if (file is null)
        {
            ranks.Broadcast(networks.Weights);
            return;
        }

        ranks.RequireSame(new Dictionary<string, string> { [$"in '{Path.GetFileName(file)}' weights of SHA-256"] = networks.Hash() });
        ranks.Broadcast(networks.Masks?.parameters() ?? []);
    }

    private void Warn(string message)
    {
        if (ranks.IsFirst)
        {
            log.Warn(message);
        }
    }

    private Validation? Validation(TrainedModel model, int from) => validation is null ? null : new(
        options, Data(validation, model, CaptionSampling.Whole, from, trains: false), metric => measure(model, metric));

    private TrainingData Data(PairSource source, TrainedModel model, CaptionSampling sampling, int from, bool trains) => new(
        source.Read, source.Count, options.Objective.Needs.Captions(sampling), options.BatchSize, options.DropLastBatch && trains,
        trains ? options.Augmentation : null, model.Clip.Architecture, model.Tokenizer, from, options.MaxUnreadableShare,
        trains ? ranks.Share : null);

    private TrainingState StartingState(IReadOnlyDictionary<string, string> settings, string? resumeFrom)
    {
        if (resumeFrom is null)
        {
            return new()
            {
                Seed = seed ?? Random.Shared.Next(),
                Settings = settings,
                Stretched = options.Checkpoint is { } checkpoint && ClipWeights.WillStretch(checkpoint),
            };
        }

        TrainingState state = TrainingCheckpoint.ReadState(resumeFrom);
        bool learnsStatistics = options is { Checkpoint: null, FreezeImageTower: false, Architecture.IsVisionTransformer: false };
        foreach (string note in TrainingSettings.Compare(resumeFrom, state, settings, seed, learnsStatistics))
        {
            log.Warn(note);
        }

        return state;
    }

    private void Announce(TrainingPlan plan, IReadOnlyList<torch.Device> devices, string what)
    {
        string warmup = options.WarmupSteps is null
            ? $", the default for its length ({nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.WarmupSteps)} is null)" : "";
        if (!ranks.IsAlone)
        {
            log.Info($"Rank {ranks.Rank} of {ranks} trains on {string.Join(", ", devices)}.");
        }

        log.Info($"Training {what}: {plan.Steps} steps, of which {plan.WarmupSteps} warm up{warmup}.");
        if (plan.WarmupSteps >= plan.Steps)
        {
            Warn($"The warm-up of {plan.WarmupSteps} steps is not over when the training ends, after {plan.Steps} steps: "
                + $"the rate stays below {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.LearningRate)}.");
        }

        bool onCpu = devices.All(d => d.type == DeviceType.CPU);
        if (onCpu && (options.Devices is { } named ? named.Any(name => name != "cpu") : device.Gpu is not null))
        {
            log.Warn($"A GPU is asked for, and the training runs on the CPU: {TorchRuntime.WhyNoGpu()}");
        }

        if (onCpu && !HalfPrecisionUnits.Exist(options.Precision))
        {
            log.Warn($"This processor has no units for {options.Precision}: its products are emulated, "
                + $"up to 90 times as slow as those of {nameof(TrainingPrecision.Float32)}.");
        }
    }

    // The replicas are added as they are made, so that the caller can dispose of them if the next one fails.
    private TrainedModel CreateNetworks(
        List<NetworkReplica> replicas, IReadOnlyList<torch.Device> devices, TrainingState state, string? resumeFrom)
    {
        NetworkReplica first = CreateFirst(state.Seed, resumeFrom ?? options.Checkpoint, devices[0]);
        replicas.Add(first);
        var model = new TrainedModel(first.Clip, TokenizerFile.Of(options.Checkpoint), devices[0],
            options.Checkpoint ?? $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Architecture)}");
        first.Clip.Architecture.RequireVocabulary(model.Tokenizer, model.Source);
        if (resumeFrom is null && options.InitialLogitScale is { } scale)
        {
            using IDisposable _ = torch.no_grad();
            Arithmetic.Fill(first.Clip.LogitScale, Math.Log(scale));
        }

        Freezing.Apply(first.Clip, options, state.Stretched);
        foreach (torch.Device other in devices.Skip(1))
        {
            replicas.Add(CreateReplica(first, other, state.Stretched));
        }

        return model;
    }

    private NetworkReplica CreateFirst(int from, string? checkpoint, torch.Device on)
    {
        // Of its own: what else in the process draws from torch's generator must not change a training.
        using var generator = new torch.Generator((ulong)from, torch.CPU);
        ClipModel model = checkpoint is null
            ? new ClipModel(options.Architecture)
            : ClipWeights.Load(checkpoint, options.Activation, Warn);
        if (checkpoint is null)
        {
            model.Initialize(generator);
        }

        MaskNetwork? masks = CreateMasks(model.Architecture);
        masks?.Initialize(generator);
        model.to(on);
        masks?.to(on);
        return new(model, masks, on);
    }

    // Its weights are copied before every step.
    private NetworkReplica CreateReplica(NetworkReplica first, torch.Device on, bool stretched)
    {
        var replica = new NetworkReplica(new ClipModel(first.Clip.Architecture), CreateMasks(first.Clip.Architecture), on);
        Freezing.Apply(replica.Clip, options, stretched);
        Dictionary<string, torch.Tensor> weights = ClipWeights.Tensors(first.Clip);
        using (torch.no_grad())
        {
            foreach ((string name, torch.Tensor tensor) in ClipWeights.Tensors(replica.Clip))
            {
                tensor.copy_(weights[name]);
            }
        }

        replica.Clip.to(on);
        replica.Masks?.to(on);
        return replica;
    }

    private MaskNetwork? CreateMasks(ClipArchitecture architecture) => options.Objective.Needs.MaskLearningRate is null
        ? null : new(architecture.TextBlock, architecture.EmbeddingDimension);
}
