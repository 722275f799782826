using System.Text.Json;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// A trained CLIP model in an ML.NET pipeline: adds the normalised embeddings of a picture column and of a text column,
/// their cosine and, given labels (<see cref="ForZeroShot"/>), the predicted label with the probabilities of all of them.
/// </summary>
/// <remarks>
/// Saved and loaded by <c>mlContext.Model.Save</c> and <c>mlContext.Model.Load</c>. Values are computed only for the
/// columns that are read. Data that lacks one of the two input columns gets the columns of the other side. A missing
/// picture (a null or empty path) has an embedding, a similarity and scores of NaN and a missing predicted label; a null or
/// empty text is embedded as the empty text. A checkpoint whose vocabulary is not CLIP's embeds pictures; reading a text
/// embedding is a <see cref="CheckpointFormatException"/>. Safe for concurrent use: prediction engines on many threads share
/// one copy of the weights. Owns native memory: dispose it when it is not needed any more. ML.NET's prediction engines dispose
/// the model with themselves, unless <see cref="PredictionEngineOptions.OwnsTransformer"/> is false.
/// </remarks>
public sealed class HiMoClipTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "HiMoClipTransformer";

    /// <summary>The weights in a model zip.</summary>
    internal const string WeightsEntry = "Weights.safetensors";

    private const string ModelSignature = "HIMOCLIP";
    private const uint FormatVersion = 0x00010002;                           // 2: similarity, threshold, columns that may be null
    private const uint OldestReadable = 0x00010001;

    private bool _disposed;

    internal HiMoClipTransformer(ClipEncoder encoder, HiMoClipColumns columns, string? imageFolder, ZeroShotHead? zeroShot = null)
    {
        Encoder = encoder;
        Columns = columns;
        ImageFolder = imageFolder;
        ZeroShot = zeroShot;
    }

    internal ClipEncoder Encoder { get; }

    internal HiMoClipColumns Columns { get; }

    internal ZeroShotHead? ZeroShot { get; }

    /// <summary>A folder that relative picture paths start from; null for the working folder. Settable, since a model moves between machines.</summary>
    public string? ImageFolder { get; set; }

    /// <summary>The sizes of the model.</summary>
    public ClipArchitecture Architecture => Encoder.Model.Architecture;

    /// <summary>The labels of a zero-shot classifier, empty without one.</summary>
    public IReadOnlyList<string> Labels => ZeroShot?.Labels ?? [];

    /// <summary>The column of pictures that it reads; null for a model that reads none.</summary>
    public string? ImageColumnName => Columns.Image;

    /// <summary>The column of texts that it reads; null for a model that reads none.</summary>
    public string? CaptionColumnName => Columns.Text;

    /// <summary>The column of picture embeddings that it adds.</summary>
    public string ImageEmbeddingColumnName => Columns.ImageEmbedding;

    /// <summary>The column of text embeddings that it adds.</summary>
    public string TextEmbeddingColumnName => Columns.TextEmbedding;

    /// <summary>The column of cosines that it adds; null for none.</summary>
    public string? SimilarityColumnName => Columns.Similarity;

    /// <summary>The key column that a zero-shot classifier adds.</summary>
    public string PredictedLabelColumnName => Columns.PredictedLabel;

    /// <summary>The column of probabilities that a zero-shot classifier adds.</summary>
    public string ScoreColumnName => Columns.Score;

    /// <summary>True: every row is transformed by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>
    /// A zero-shot classifier over any labels: adds a key column with the best label and a vector of probabilities, the
    /// softmax of s · cosine between the picture and each label's mean template embedding. Shares this model's weights.
    /// </summary>
    /// <param name="labels">At least one label; all different.</param>
    /// <param name="templates">Texts with <c>{0}</c> in the place of the label; null for the bare label. See <see cref="HiMoClipTemplates"/>.</param>
    /// <param name="predictedLabelColumnName">The key column, with the labels as its <c>KeyValues</c>.</param>
    /// <param name="scoreColumnName">The probabilities, with the labels as its <c>SlotNames</c>.</param>
    /// <param name="threshold">The cosine, in [-1, 1], that a picture needs with the best label's embedding. Below it the predicted
    /// label is missing ("none of these"; <c>MapKeyToValue</c> makes it an empty text) and the probabilities stay. Null: always a label.</param>
    /// <remarks>
    /// Cosines differ from model to model, and their range is narrow. To choose a threshold, score validation pictures, with and
    /// without one of the labels, against the filled template of the label that fits best (as their caption: the
    /// <c>Similarity</c> column) and take a value between the two groups. ML.NET's <c>MulticlassClassification.Evaluate</c> judges by the
    /// probabilities, and needs a <c>Label</c> of keys in the order of <paramref name="labels"/>: <c>MapValueToKey</c> with <c>keyData</c>.
    /// </remarks>
    /// <exception cref="ArgumentException">There are no labels, an empty or repeated one, or a template without <c>{0}</c>; the
    /// threshold is not in [-1, 1]; or two added columns have one name.</exception>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not CLIP's.</exception>
    /// <exception cref="InvalidOperationException">The model does not read pictures (<see cref="HiMoClipOptions.ImageColumnName"/> was null).</exception>
    /// <example>
    /// <code>
    /// var classifier = model.ForZeroShot(["cat", "dog"], HiMoClipTemplates.Photo, threshold: 0.2f);
    /// var named = classifier.Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(classifier.Transform(data)));
    /// </code>
    /// </example>
    public HiMoClipTransformer ForZeroShot(
        IEnumerable<string> labels, IEnumerable<string>? templates = null, string predictedLabelColumnName = "PredictedLabel", string scoreColumnName = "Score",
        float? threshold = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentException.ThrowIfNullOrWhiteSpace(predictedLabelColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(scoreColumnName);
        ObjectDisposedException.ThrowIf(_disposed, this);
        string[] names = [.. labels], texts = [.. templates ?? ["{0}"]];
        ZeroShotHead.Check(names, texts, threshold);
        if (Columns.Image is null)
        {
            throw InputColumns.Unused("pictures", nameof(HiMoClipOptions.ImageColumnName));
        }

        HiMoClipColumns columns = (Columns with { PredictedLabel = predictedLabelColumnName, Score = scoreColumnName }).Checked();
        var head = new ZeroShotHead(Encoder, names, texts, threshold);
        return new(Encoder.Share(), columns, ImageFolder, head);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => ClipBinding.Create(this, inputSchema).OutputSchema;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public IDataView Transform(IDataView input)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(input);
        return new ScoringDataView(ClipBinding.Create(this, input.Schema), input);
    }

    /// <inheritdoc/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return ClipBinding.Create(this, inputSchema);
    }

    /// <summary>
    /// Writes the weights as safetensors under the names of the original CLIP state dict, in the types they were loaded in:
    /// the way back to Python.
    /// </summary>
    /// <param name="path">The file; written beside under another name and moved, so that an older one survives a failure.</param>
    public void SaveCheckpoint(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ObjectDisposedException.ThrowIf(_disposed, this);
        WholeFile.Write(path, file => ClipWeights.Save(Encoder.Model, file));
    }

    private sealed record Settings(ClipArchitecture Architecture, HiMoClipColumns Columns, IReadOnlyList<string>? Labels, IReadOnlyList<string>? Templates, float? Threshold = null);

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        MLNetInternals.SetVersion(ctx, ModelSignature, FormatVersion, FormatVersion, OldestReadable, LoaderSignature, typeof(HiMoClipTransformer).Assembly.GetName().Name!);
        var settings = new Settings(Architecture, Columns, ZeroShot?.Labels, ZeroShot?.Templates, ZeroShot?.Threshold);
        MLNetInternals.Save(ctx, "Settings.json", writer => JsonSerializer.Serialize(writer.BaseStream, settings));
        MLNetInternals.Save(ctx, "Vocabulary.txt", writer => Encoder.Tokenizer.WriteMerges(writer.BaseStream));
        MLNetInternals.Save(ctx, WeightsEntry, writer => ClipWeights.Save(Encoder.Model, writer.BaseStream));
    }

    // ML.NET calls this through its LoadableClass attribute (Interop/Loadable.cs).
    private static HiMoClipTransformer Create(IHostEnvironment env, object context)
    {
        MLNetInternals.CheckVersion(context, ModelSignature, FormatVersion, FormatVersion, OldestReadable, LoaderSignature, typeof(HiMoClipTransformer).Assembly.GetName().Name!);
        Device device = TorchRuntime.ChooseDevice(env);
        Settings? settings = null;
        ClipTokenizer? tokenizer = null;
        MLNetInternals.Load(context, "Settings.json", reader => settings = JsonSerializer.Deserialize<Settings>(reader.BaseStream));
        MLNetInternals.Load(context, "Vocabulary.txt", reader => tokenizer = new ClipTokenizer(reader.BaseStream));
        if (settings is null || tokenizer is null)
        {
            throw new FormatException("The model zip holds no settings of a HiMo-CLIP transformer.");
        }

        var model = new ClipModel(settings.Architecture);
        try
        {
            MLNetInternals.Load(context, WeightsEntry, reader => ClipWeights.Read(model, reader.BaseStream, $"{WeightsEntry} of the model zip"));
            model.eval();
            model.to(device);
            var encoder = new ClipEncoder(model, tokenizer, device, "the model zip");
            return new(encoder, settings.Columns, null,
                settings.Labels is null ? null : new ZeroShotHead(encoder, settings.Labels, settings.Templates!, settings.Threshold));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Frees the weights, unless another transformer shares them.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        Encoder.Dispose();
    }
}
