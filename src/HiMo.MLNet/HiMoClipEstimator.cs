using System.Globalization;
using HiMo.MLNet.Images;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace HiMo.MLNet;

/// <summary>Trains a CLIP model with HiMo-CLIP's objective on a column of pictures and a column of captions.</summary>
/// <remarks>Made by <c>mlContext.Transforms.HiMoClip(...)</c>.</remarks>
public sealed class HiMoClipEstimator : IEstimator<HiMoClipTransformer>
{
    private readonly IHost _host;
    private readonly HiMoClipOptions _options;

    internal HiMoClipEstimator(IHostEnvironment environment, HiMoClipOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options.Copy();
        options.Validate();
        if (options.Labels is not null)
        {
            ZeroShotHead.Check(options.Labels, options.Templates ?? ["{0}"], options.Threshold);
        }

        _host = environment.Register(nameof(HiMoClipEstimator));
        _options = options;
        _ = Columns;
    }

    private HiMoClipColumns Columns => new HiMoClipColumns(
        _options.ImageColumnName, _options.CaptionColumnName, _options.ImageEmbeddingColumnName, _options.TextEmbeddingColumnName,
        _options.PredictedLabelColumnName, _options.ScoreColumnName, _options.SimilarityColumnName).Checked();

    /// <summary>
    /// Trains. Reads the data once a pass, in batches; pictures are decoded as they are needed. Without epochs, loads the
    /// checkpoint and reads nothing.
    /// </summary>
    /// <param name="input">Rows with a picture and a caption each, at least two; without epochs, any data with one of the columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="InvalidOperationException">The data is empty, a row has no picture, the loss is not finite, or there is no native torch library.</exception>
    /// <exception cref="CheckpointFormatException">The checkpoint is not one of a CLIP model; or captions or labels are to be encoded,
    /// and its vocabulary is not CLIP's.</exception>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><see cref="HiMoClipOptions.CancellationToken"/> was cancelled.</exception>
    public HiMoClipTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        GetOutputSchema(MLNetInternals.Shape(input.Schema));
        long? validationPairs = _options.ValidationSet is { } held ? CountValidationPairs(held) : null;
        return OwnThread.Run("HiMo-CLIP", () => _options.Epochs == 0 ? Apply() : Train(input, validationPairs));
    }

    private long CountValidationPairs(IDataView held)
    {
        try
        {
            InputColumns.Image(held.Schema, _options.ImageColumnName);
            long pairs = CountRows(held, InputColumns.Text(held.Schema, _options.CaptionColumnName));
            return pairs >= 2 ? pairs
                : throw new InvalidOperationException(
                    $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ValidationSet)} must have at least 2 rows; it has {pairs}.");
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new ArgumentException($"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ValidationSet)}: {e.Message}", e);
        }
    }

    private HiMoClipTransformer Apply()
    {
        torch.Device device = TorchRuntime.ChooseDevice(_host);
        if (!Path.Exists(_options.Checkpoint))
        {
            throw new FileNotFoundException($"There is no checkpoint '{_options.Checkpoint}'. (To train from scratch, say for how many epochs: HiMoClip(imageColumnName, captionColumnName, epochs).)", _options.Checkpoint);
        }

        using IChannel channel = _host.Start("Loading HiMo-CLIP");
        return CreateTransformer(ClipEncoder.Load(_options.Checkpoint, device, _options.Activation, Warn(channel)));
    }

    private static Action<string> Warn(IChannel channel) => warning => channel.Warning(MessageSensitivity.None, warning);

    private ClipEncoder CreateEncoder(ClipModel model, torch.Device device) => new(model, ModelSettings.TokenizerOf(_options.Checkpoint), device,
        _options.Checkpoint ?? $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Architecture)}");

    private HiMoClipTransformer CreateTransformer(ClipEncoder encoder)
    {
        var transformer = new HiMoClipTransformer(encoder, Columns, _options.ImageFolder);
        if (_options.Labels is null)
        {
            return transformer;
        }

        using (transformer)
        {
            return transformer.ForZeroShot(_options.Labels, _options.Templates, _options.PredictedLabelColumnName, _options.ScoreColumnName, _options.Threshold);
        }
    }

    private HiMoClipTransformer Train(IDataView input, long? validationPairs)
    {
        using IChannel channel = _host.Start("Training HiMo-CLIP");
        IReadOnlyList<torch.Device> devices = TorchRuntime.ChooseDevices(_host, _options.Devices);
        long pairs = CountRows(input, InputColumns.Text(input.Schema, _options.CaptionColumnName));
        var plan = TrainingPlan.Of(_options, pairs);
        using IDisposable? folder = _options.CheckpointFolder is { } path ? TrainingCheckpoint.Open(path) : null;
        string? resumeFrom = _options.ResumeFrom is { } from ? TrainingCheckpoint.Find(from) : null;
        if (_options.CheckpointFolder is not null)
        {
            TrainingCheckpoint.RequireOwn(_options.CheckpointFolder, resumeFrom);
        }

        TrainingState state = StartingState(channel, plan, pairs, validationPairs, resumeFrom);
        Announce(channel, plan, devices, resumeFrom is null ? "begins" : $"goes on from step {state.Step} of '{resumeFrom}'");

        var replicas = new List<NetworkReplica>();
        try
        {
            NetworkReplica networks = CreateNetworks(channel, state.Seed, resumeFrom ?? _options.Checkpoint, devices[0]);
            replicas.Add(networks);
            ClipEncoder encoder = CreateEncoder(networks.Clip, devices[0]);
            encoder.CheckVocabulary();
            if (resumeFrom is null && _options.InitialLogitScale is { } scale)
            {
                using (torch.no_grad())
                {
                    Arithmetic.Fill(networks.Clip.LogitScale, Math.Log(scale));
                }
            }

            Freezing.Apply(networks.Clip, _options, state.Stretched);
            foreach (torch.Device device in devices.Skip(1))
            {
                replicas.Add(CreateReplica(networks, device, state.Stretched));
            }

            TrainingData Data(IDataView view, long count, CaptionSampling sampling, ImageAugmentation? augmentation) => new(
                () => ReadPairs(view), count, _options.Objective.Captions(sampling), _options.BatchSize, _options.DropLastBatch && view == input,
                augmentation, networks.Clip.Architecture, encoder.Tokenizer, state.Seed, _options.MaxUnreadableShare);
            TrainingData data = Data(input, pairs, _options.CaptionSampling ?? _options.Objective.DefaultSampling, _options.Augmentation);
            Validation? validation = _options.ValidationSet is not { } held ? null : new(
                _options, Data(held, validationPairs!.Value, CaptionSampling.Whole, null), new(encoder, Columns, _options.ImageFolder), held);
            var trainer = new Trainer(replicas, _options, plan, state, validation,
                progress => Report(channel, progress), warning => channel.Warning(MessageSensitivity.None, warning));
            trainer.Train(data, resumeFrom);

            networks.Masks?.Dispose();
            foreach (NetworkReplica replica in replicas.Skip(1))
            {
                replica.Dispose();
            }

            return CreateTransformer(encoder);
        }
        catch
        {
            replicas.ForEach(replica => replica.Dispose());
            throw;
        }
    }

    private TrainingState StartingState(IChannel channel, TrainingPlan plan, long pairs, long? validationPairs, string? resumeFrom)
    {
        int? seed = MLNetInternals.Seed(_host);
        IReadOnlyDictionary<string, string> settings = TrainingSettings.Of(_options, plan, pairs, validationPairs);
        if (resumeFrom is null)
        {
            return new()
            {
                Seed = seed ?? Random.Shared.Next(),
                Settings = settings,
                Stretched = _options.Checkpoint is { } checkpoint && ClipWeights.WillStretch(checkpoint),
            };
        }

        TrainingState state = TrainingCheckpoint.ReadState(resumeFrom);
        bool learnsStatistics = _options is { Checkpoint: null, FreezeImageTower: false, Architecture.IsVisionTransformer: false };
        foreach (string note in TrainingSettings.Compare(resumeFrom, state, settings, seed, learnsStatistics))
        {
            channel.Warning(MessageSensitivity.None, note);
        }

        return state;
    }

    private void Announce(IChannel channel, TrainingPlan plan, IReadOnlyList<torch.Device> devices, string what)
    {
        string warmup = _options.WarmupSteps is null
            ? $", the default for its length ({nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.WarmupSteps)} is null)" : "";
        channel.Info(MessageSensitivity.None, $"Training {what}: {plan.Steps} steps, of which {plan.WarmupSteps} warm up{warmup}.");
        if (plan.WarmupSteps >= plan.Steps)
        {
            channel.Warning(MessageSensitivity.None,
                $"The warm-up of {plan.WarmupSteps} steps is not over when the training ends, after {plan.Steps} steps: "
                + $"the rate stays below {nameof(HiMoClipOptions.LearningRate)}.");
        }

        bool onCpu = devices.All(device => device.type == DeviceType.CPU);
        if (onCpu && (_options.Devices is { } named ? named.Any(name => name != "cpu") : MLNetInternals.GpuDeviceId(_host) is not null))
        {
            channel.Warning(MessageSensitivity.None, $"A GPU is asked for, and the training runs on the CPU: {TorchRuntime.WhyNoGpu()}");
        }

        if (onCpu && !HalfPrecisionUnits.Exist(_options.Precision))
        {
            channel.Warning(MessageSensitivity.None,
                $"This processor has no units for {_options.Precision}: its products are emulated, "
                + $"up to 90 times as slow as those of {nameof(TrainingPrecision.Float32)}.");
        }
    }

    private NetworkReplica CreateNetworks(IChannel channel, int seed, string? checkpoint, torch.Device device)
    {
        // Of its own: what else in the process draws from torch's generator must not change a training.
        using var generator = new torch.Generator((ulong)seed, torch.CPU);
        ClipModel model = checkpoint is null
            ? new ClipModel(_options.Architecture)
            : ClipWeights.Load(checkpoint, _options.Activation, Warn(channel));
        if (checkpoint is null)
        {
            model.Initialize(generator);
        }

        MaskNetwork? masks = _options.Objective.CreateMaskNetwork(model.Architecture);
        masks?.Initialize(generator);
        model.to(device);
        masks?.to(device);
        return new(model, masks, device);
    }

    // Its weights are copied before every step.
    private NetworkReplica CreateReplica(NetworkReplica first, torch.Device device, bool stretched)
    {
        var replica = new NetworkReplica(new ClipModel(first.Clip.Architecture), _options.Objective.CreateMaskNetwork(first.Clip.Architecture), device);
        Freezing.Apply(replica.Clip, _options, stretched);
        Dictionary<string, torch.Tensor> weights = ClipWeights.Tensors(first.Clip);
        using (torch.no_grad())
        {
            foreach ((string name, torch.Tensor tensor) in ClipWeights.Tensors(replica.Clip))
            {
                tensor.copy_(weights[name]);
            }
        }

        replica.Clip.to(device);
        replica.Masks?.to(device);
        return replica;
    }

    private void Report(IChannel channel, TrainingProgress p)
    {
        _options.Progress?.Report(p);
        if (p.Step == 1 || p.Step % 10 == 0 || p.Step == p.TotalSteps || p.ValidationScore is not null)
        {
            channel.Info(MessageSensitivity.None, string.Create(CultureInfo.InvariantCulture,
                $"step {p.Step}/{p.TotalSteps}, epoch {p.Epoch}: loss {p.Loss:f4} ({string.Join(", ", p.LossParts.Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Key} {part.Value:f4}")))}"
                + $"{(p.Components > 0 ? $", {p.Components} components" : "")}), rate {p.LearningRate:g3}, {p.ImagesPerSecond:f0} images/s, {TimeLeft(p.Remaining)} left"
                + $"{(p.ValidationScore is { } score ? string.Create(CultureInfo.InvariantCulture, $", validation {_options.ValidationMetric} {score:f4}") : "")}"));
        }
    }

    private static string TimeLeft(TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:d2}:{time.Seconds:d2}");

    private static long CountRows(IDataView input, DataViewSchema.Column column)
    {
        if (input.GetRowCount() is { } known)
        {
            return known;
        }

        long count = 0;
        using DataViewRowCursor cursor = input.GetRowCursor([column]);
        while (cursor.MoveNext())
        {
            count++;
        }

        return count;
    }

    private IEnumerable<TrainingPair> ReadPairs(IDataView data)
    {
        DataViewSchema.Column image = InputColumns.Image(data.Schema, _options.ImageColumnName), caption = InputColumns.Text(data.Schema, _options.CaptionColumnName);
        using DataViewRowCursor cursor = data.GetRowCursor([image, caption]);
        Func<Func<RgbImage>?> readImage = InputColumns.ImageReader(cursor, image, _options.ImageFolder);
        Func<string> readCaption = InputColumns.TextReader(cursor, caption);
        Func<string>? readPath = image.Type is TextDataViewType ? InputColumns.TextReader(cursor, image) : null;
        while (cursor.MoveNext())
        {
            Func<RgbImage> load = readImage()
                ?? throw new InvalidOperationException($"Row {cursor.Position} has no picture: column '{image.Name}' is empty there.");
            yield return readPath is null ? new(null, load, readCaption(), load().Pixels.Length) : new(readPath(), load, readCaption());
        }
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        // Training reads both sides; a model that is only applied may find one of them missing.
        (bool Image, bool Text) sides = _options.Epochs > 0 ? (Image: true, Text: true) : Columns.Sides(name => inputSchema.Any(c => c.Name == name));
        if (sides.Image)
        {
            InputColumns.Check(inputSchema, Columns.Image!, InputColumns.Kind.Picture);
        }

        if (sides.Text)
        {
            InputColumns.Check(inputSchema, Columns.Text!, InputColumns.Kind.Caption);
        }
        // The shape says vector, not of which size: any known size stands for it.
        return RowBinding.OutputShape(inputSchema, ClipBinding.Columns(Columns, sides, dimension: 1, _options.Labels).Select(c => c.Column));
    }
}
