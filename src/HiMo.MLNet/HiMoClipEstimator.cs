using HiMo.MLNet.Images;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;
using Microsoft.ML;
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
            ZeroShotHead.Check(options.Labels, options.Templates ?? ["{0}"], options.Threshold);
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
    /// <exception cref="CheckpointFormatException">The checkpoint is not one of a CLIP model.</exception>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><see cref="HiMoClipOptions.CancellationToken"/> was cancelled.</exception>
    public HiMoClipTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        GetOutputSchema(MLNetInternals.Shape(input.Schema));
        torch.Device device = TorchRuntime.ChooseDevice(_host);
        int seed = MLNetInternals.Seed(_host) ?? Random.Shared.Next();
        ClipModel model = CreateModel(seed);
        try
        {
            ClipTokenizer tokenizer = ClipTokenizer.Default;
            if (tokenizer.VocabularySize != model.Architecture.VocabularySize)
                throw new CheckpointFormatException(
                    $"{_options.Checkpoint ?? nameof(HiMoClipOptions.Architecture)}: the model knows {model.Architecture.VocabularySize} tokens; CLIP's vocabulary has {tokenizer.VocabularySize}.");
            model.to(device);
            if (_options.Epochs > 0)
                Train(model, device, tokenizer, seed, input);
            model.eval();
            var transformer = new HiMoClipTransformer(new ClipEncoder(model, tokenizer, device), Columns, _options.ImageFolder);
            if (_options.Labels is null)
                return transformer;
            using (transformer)
                return transformer.ForZeroShot(_options.Labels, _options.Templates, _options.PredictedLabelColumnName, _options.ScoreColumnName, _options.Threshold);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private void Train(ClipModel model, torch.Device device, ClipTokenizer tokenizer, int seed, IDataView input)
    {
        using IChannel channel = _host.Start("Training HiMo-CLIP");
        DataViewSchema.Column image = InputColumns.Image(input.Schema, _options.ImageColumnName);
        DataViewSchema.Column caption = InputColumns.Text(input.Schema, _options.CaptionColumnName);
        long pairs = CountRows(input, caption);
        var data = new TrainingData(
            () => ReadPairs(input, image, caption), _options, model.Architecture.ImageSize, model.Architecture.ContextLength, tokenizer, seed);
        // A context-free thread: waiting for it cannot deadlock a user interface.
        Task.Run(() => new Trainer(model, device, _options).TrainAsync(data, pairs, progress => Report(channel, progress))).GetAwaiter().GetResult();
    }

    // Torch has one generator for the whole process: two trainings at a time must not draw from each other's seed.
    private static readonly Lock s_generator = new();

    private ClipModel CreateModel(int seed)
    {
        if (_options.Checkpoint is { } checkpoint)
            return ClipWeights.Load(checkpoint);
        lock (s_generator)
        {
            torch.random.manual_seed(seed);
            var model = new ClipModel(_options.Architecture);
            model.Initialize();
            return model;
        }
    }

    private void Report(IChannel channel, TrainingProgress p)
    {
        _options.Progress?.Report(p);
        if (p.Step == 1 || p.Step % 10 == 0 || p.Step == p.TotalSteps)
            channel.Info(MessageSensitivity.None, string.Create(System.Globalization.CultureInfo.InvariantCulture,
                $"step {p.Step}/{p.TotalSteps}, epoch {p.Epoch}: loss {p.Loss:f4} (global {p.GlobalLoss:f4}, component {p.ComponentLoss:f4}, {p.Components} components), rate {p.LearningRate:g3}, {p.ImagesPerSecond:f0} images/s"));
    }

    private static long CountRows(IDataView input, DataViewSchema.Column column)
    {
        if (input.GetRowCount() is { } known)
            return known;
        long count = 0;
        using DataViewRowCursor cursor = input.GetRowCursor([column]);
        while (cursor.MoveNext())
            count++;
        return count;
    }

    private IEnumerable<TrainingPair> ReadPairs(IDataView input, DataViewSchema.Column image, DataViewSchema.Column caption)
    {
        using DataViewRowCursor cursor = input.GetRowCursor([image, caption]);
        Func<Func<RgbImage>?> readImage = InputColumns.ImageReader(cursor, image, _options.ImageFolder);
        Func<string> readCaption = InputColumns.TextReader(cursor, caption);
        while (cursor.MoveNext())
            yield return new TrainingPair(
                readImage() ?? throw new InvalidOperationException($"Row {cursor.Position} has no picture: column '{image.Name}' is empty there."),
                readCaption());
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    public SchemaShape GetOutputSchema(SchemaShape inputSchema)
    {
        ArgumentNullException.ThrowIfNull(inputSchema);
        // Training reads both sides; a model that is only applied may find one of them missing.
        var sides = _options.Epochs > 0 ? (Image: true, Text: true) : Columns.Sides(name => inputSchema.Any(c => c.Name == name));
        if (sides.Image)
            InputColumns.Check(inputSchema, Columns.Image!, InputColumns.Kind.Picture);
        if (sides.Text)
            InputColumns.Check(inputSchema, Columns.Text!, InputColumns.Kind.Caption);
        // The shape says vector, not of which size: any known size stands for it.
        return RowBinding.OutputShape(inputSchema, ClipBinding.Columns(Columns, sides, dimension: 1, _options.Labels).Select(c => c.Column));
    }
}
