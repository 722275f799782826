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
        _host = environment.Register(nameof(HiMoClipEstimator));
        _options = options;
    }

    /// <summary>Trains. Reads the data once a pass, in batches; pictures are decoded as they are needed.</summary>
    /// <param name="input">Rows with a picture and a caption each, at least two.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="InvalidOperationException">The data is empty, a row has no picture, the loss is not finite, or there is no native torch library.</exception>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    /// <exception cref="OperationCanceledException"><see cref="HiMoClipOptions.CancellationToken"/> was cancelled.</exception>
    public HiMoClipTransformer Fit(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        DataViewSchema.Column image = InputColumns.Image(input.Schema, _options.ImageColumnName);
        DataViewSchema.Column caption = InputColumns.Text(input.Schema, _options.CaptionColumnName);
        torch.Device device = TorchRuntime.ChooseDevice(_host);
        int seed = MLNetInternals.Seed(_host) ?? Random.Shared.Next();
        using IChannel channel = _host.Start("Training HiMo-CLIP");
        long pairs = CountRows(input, caption);

        torch.random.manual_seed(seed);
        ClipModel model = CreateModel();
        try
        {
            model.to(device);
            ClipTokenizer tokenizer = ClipTokenizer.Default;
            if (tokenizer.VocabularySize > model.Architecture.VocabularySize)
                throw new InvalidOperationException(
                    $"The model knows {model.Architecture.VocabularySize} tokens; CLIP's vocabulary has {tokenizer.VocabularySize}.");
            var data = new TrainingData(
                () => ReadPairs(input, image, caption), _options, model.Architecture.ImageSize, model.Architecture.ContextLength, tokenizer, seed);
            // A context-free thread: waiting for it cannot deadlock a user interface.
            Task.Run(() => new Trainer(model, device, _options).TrainAsync(data, pairs, progress => Report(channel, progress))).GetAwaiter().GetResult();
            return new(new ClipEncoder(model, tokenizer, device),
                new(_options.ImageColumnName, _options.CaptionColumnName, _options.ImageEmbeddingColumnName, _options.TextEmbeddingColumnName, "PredictedLabel", "Score"),
                _options.ImageFolder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private ClipModel CreateModel()
    {
        if (_options.Checkpoint is { } checkpoint)
            return ClipWeights.Load(checkpoint);
        var model = new ClipModel(_options.Architecture);
        model.Initialize();
        return model;
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
        Check(inputSchema, _options.ImageColumnName, "picture", "text (a file path) or an image (MLImage)", InputColumns.IsImage);
        Check(inputSchema, _options.CaptionColumnName, "caption", "text", type => type is TextDataViewType);
        var added = new DataViewSchema.Builder();
        // The shape says vector, not of which size: any known size stands for it.
        var embedding = new VectorDataViewType(NumberDataViewType.Single, 1);
        added.AddColumn(_options.ImageEmbeddingColumnName, embedding, null);
        added.AddColumn(_options.TextEmbeddingColumnName, embedding, null);
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
            throw InputColumns.WrongType(name, expected, $"{found.Kind} {found.ItemType}");
    }
}
