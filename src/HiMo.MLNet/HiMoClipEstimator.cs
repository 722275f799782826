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
        if (_options.ValidationSet is { } held)
        {
            CheckValidationSet(held);
        }

        return _options.Epochs == 0 ? Apply() : Train(input);
    }

    private void CheckValidationSet(IDataView held)
    {
        try
        {
            InputColumns.Image(held.Schema, _options.ImageColumnName);
            long pairs = CountRows(held, InputColumns.Text(held.Schema, _options.CaptionColumnName));
            if (pairs < 2)
            {
                throw new InvalidOperationException($"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ValidationSet)} must have at least 2 rows; it has {pairs}.");
            }
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

        ClipModel model = ClipWeights.Load(_options.Checkpoint!);
        try
        {
            model.to(device);
            model.eval();
            return CreateTransformer(CreateEncoder(model, device));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

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

    private HiMoClipTransformer Train(IDataView input)
    {
        using IChannel channel = _host.Start("Training HiMo-CLIP");
        IReadOnlyList<torch.Device> devices = TorchRuntime.ChooseDevices(_host, _options.Devices);
        DataViewSchema.Column caption = InputColumns.Text(input.Schema, _options.CaptionColumnName);
        long pairs = CountRows(input, caption);
        if (_options.CheckpointFolder is { } folder)
        {
            TrainingCheckpoint.Prepare(folder);
        }

        string? resumeFrom = _options.ResumeFrom is { } from ? TrainingCheckpoint.Find(from) : null;
        TrainingState state = StartingState(resumeFrom, pairs);
        channel.Info(MessageSensitivity.None, resumeFrom is null ? "Training begins." : $"Training goes on from step {state.Step} of '{resumeFrom}'.");

        var replicas = new List<NetworkReplica>();
        try
        {
            NetworkReplica networks = CreateNetworks(state.Seed, resumeFrom ?? _options.Checkpoint, devices[0]);
            replicas.Add(networks);
            ClipModel model = networks.Clip;
            ClipEncoder encoder = CreateEncoder(model, devices[0]);
            encoder.CheckVocabulary();
            if (resumeFrom is null && _options.InitialLogitScale is { } scale)
            {
                using (torch.no_grad())
                {
                    model.LogitScale.fill_(Math.Log(scale));
                }
            }

            Freezing.Apply(model, _options);
            foreach (torch.Device device in devices.Skip(1))
            {
                replicas.Add(CreateReplica(networks, device));
            }

            TrainingData Data(IDataView view, CaptionSampling sampling, ImageAugmentation? augmentation) => new(
                () => ReadPairs(view), _options.Objective.Captions(sampling), _options.BatchSize, _options.DropLastBatch && view == input, augmentation,
                model.Architecture, encoder.Tokenizer, state.Seed, (long)(_options.MaxUnreadableShare * pairs));
            TrainingData data = Data(input, _options.CaptionSampling ?? _options.Objective.DefaultSampling, _options.Augmentation);
            Validation? validation = _options.ValidationSet is not { } held ? null : new(_options.ValidationMetric,
                Data(held, CaptionSampling.Whole, null).InOrder, new HiMoClipTransformer(encoder, Columns, _options.ImageFolder), held);

            // A context-free thread: waiting for it cannot deadlock a user interface.
            Task.Run(() => new Trainer(replicas, _options, state, validation)
                .TrainAsync(data, pairs, resumeFrom, progress => Report(channel, progress), warning => channel.Warning(MessageSensitivity.None, warning))).GetAwaiter().GetResult();

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

    // What a resumed training must share with the one that was interrupted.
    private TrainingState StartingState(string? resumeFrom, long pairs)
    {
        int? seed = MLNetInternals.Seed(_host);
        var settings = new Dictionary<string, string>
        {
            [nameof(HiMoClipOptions.Objective)] = _options.Objective.GetType().Name,
            [nameof(HiMoClipOptions.BatchSize)] = _options.BatchSize.ToString(CultureInfo.InvariantCulture),
            [nameof(HiMoClipOptions.DropLastBatch)] = _options.DropLastBatch.ToString(),
            ["frozen parts"] = $"{(_options.FreezeImageTower ? "all" : _options.FrozenImageBlocks)} image, {(_options.FreezeTextTower ? "all" : _options.FrozenTextBlocks)} text",
            ["rows of the data"] = pairs.ToString(CultureInfo.InvariantCulture),
        };
        if (resumeFrom is null)
        {
            return new() { Seed = seed ?? Random.Shared.Next(), Settings = settings };
        }

        TrainingState state = TrainingCheckpoint.ReadState(resumeFrom);
        if (seed is not null)
        {
            settings["seed of the MLContext"] = seed.Value.ToString(CultureInfo.InvariantCulture);
        }

        foreach ((string name, string now) in settings)
        {
            string then = name.StartsWith("seed", StringComparison.Ordinal) ? state.Seed.ToString(CultureInfo.InvariantCulture) : state.Settings.GetValueOrDefault(name, "unknown");
            if (then != now)
            {
                throw new InvalidOperationException($"'{resumeFrom}' was written by a training whose {name} was {then}; now it is {now}. Resume with the former, or begin anew without {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ResumeFrom)}.");
            }
        }
        return state;
    }

    private NetworkReplica CreateNetworks(int seed, string? checkpoint, torch.Device device)
    {
        // Of its own: what else in the process draws from torch's generator must not change a training.
        using var generator = new torch.Generator((ulong)seed, torch.CPU);
        ClipModel model = checkpoint is null ? new ClipModel(_options.Architecture) : ClipWeights.Load(checkpoint);
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
    private NetworkReplica CreateReplica(NetworkReplica first, torch.Device device)
    {
        var replica = new NetworkReplica(new ClipModel(first.Clip.Architecture), _options.Objective.CreateMaskNetwork(first.Clip.Architecture), device);
        Freezing.Apply(replica.Clip, _options);
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
            yield return new TrainingPair(readPath?.Invoke(),
                readImage() ?? throw new InvalidOperationException($"Row {cursor.Position} has no picture: column '{image.Name}' is empty there."),
                readCaption());
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
