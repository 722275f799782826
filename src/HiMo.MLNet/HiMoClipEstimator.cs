using HiMo.MLNet.Images;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Text;
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
            ZeroShotHead.Check(options.Labels, options.Templates ?? ["{0}"]);
        _host = environment.Register(nameof(HiMoClipEstimator));
        _options = options;
    }

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
        torch.Device device = TorchRuntime.ChooseDevice(_host);
        int seed = MLNetInternals.Seed(_host) ?? Random.Shared.Next();
        ClipModel model = CreateModel(seed);
        try
        {
            var encoder = new ClipEncoder(model, ClipTokenizer.Default, device, _options.Checkpoint ?? $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Architecture)}");
            model.to(device);
            if (_options.Epochs > 0)
            {
                encoder.CheckVocabulary();
                Train(model, device, encoder.Tokenizer, seed, input);
            }
            model.eval();
            var transformer = new HiMoClipTransformer(encoder,
                new(_options.ImageColumnName, _options.CaptionColumnName, _options.ImageEmbeddingColumnName, _options.TextEmbeddingColumnName,
                    _options.PredictedLabelColumnName, _options.ScoreColumnName),
                _options.ImageFolder);
            if (_options.Labels is null)
                return transformer;
            using (transformer)
                return transformer.ForZeroShot(_options.Labels, _options.Templates, _options.PredictedLabelColumnName, _options.ScoreColumnName);
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
        bool applies = _options.Epochs == 0;
        bool hasImage = inputSchema.Any(c => c.Name == _options.ImageColumnName), hasText = inputSchema.Any(c => c.Name == _options.CaptionColumnName);
        bool usesImage = !applies || hasImage || !hasText, usesText = !applies || hasText;
        if (usesImage)
            Check(inputSchema, _options.ImageColumnName, "picture", "text (a file path) or an image (MLImage)", InputColumns.IsImage);
        if (usesText)
            Check(inputSchema, _options.CaptionColumnName, "caption", "text", type => type is TextDataViewType);

        var added = new DataViewSchema.Builder();
        // The shape says vector, not of which size: any known size stands for it.
        var embedding = new VectorDataViewType(NumberDataViewType.Single, 1);
        if (usesImage)
            added.AddColumn(_options.ImageEmbeddingColumnName, embedding, null);
        if (usesText)
            added.AddColumn(_options.TextEmbeddingColumnName, embedding, null);
        if (usesImage && _options.Labels is { Count: > 0 } labels)
        {
            added.AddColumn(_options.PredictedLabelColumnName, new KeyDataViewType(typeof(uint), labels.Count), ScoringBinding.Names("KeyValues", labels));
            added.AddColumn(_options.ScoreColumnName, new VectorDataViewType(NumberDataViewType.Single, labels.Count), ScoringBinding.Names("SlotNames", labels));
        }
        SchemaShape outputs = MLNetInternals.Shape(added.ToSchema());
        HashSet<string> replaced = [.. outputs.Select(c => c.Name)];
        return new SchemaShape(inputSchema.Where(c => !replaced.Contains(c.Name)).Concat(outputs));
    }

    private static void Check(SchemaShape schema, string name, string role, string expected, Func<DataViewType, bool> accepts)
    {
        SchemaShape.Column? column = schema.Cast<SchemaShape.Column?>().FirstOrDefault(c => c!.Value.Name == name);
        if (column is not { } found)
            throw InputColumns.Missing(name, role, expected, schema.Select(c => c.Name));
        if (found.Kind != SchemaShape.Column.VectorKind.Scalar || !accepts(found.ItemType))
            throw InputColumns.WrongType(name, expected, found.Kind == SchemaShape.Column.VectorKind.Scalar ? found.ItemType : $"{found.Kind} of {found.ItemType}");
    }
}
