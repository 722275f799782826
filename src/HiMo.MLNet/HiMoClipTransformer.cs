using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Interop;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet;

/// <summary>
/// A trained CLIP model in an ML.NET pipeline: adds the normalised embeddings of an image column and of a text column,
/// their cosine and, given labels (<see cref="ForZeroShot"/>), the predicted label with the probabilities of all of them.
/// </summary>
/// <remarks>
/// Saved and loaded by <c>mlContext.Model.Save</c> and <c>mlContext.Model.Load</c>. Values are computed only for the columns that are
/// read. Data that lacks one of the two input columns gets the columns of the other side. A missing image (a null or empty path, no
/// image or no bytes; an unreadable one with <see cref="ImageErrorColumnName"/>) has an embedding, a similarity and scores of NaN and a
/// missing predicted label; a null or empty text is embedded as the empty text. A checkpoint whose vocabulary is not CLIP's embeds
/// images; reading a text embedding is a <see cref="CheckpointFormatException"/>. Safe for concurrent use: prediction engines on many
/// threads share one copy of the weights. Owns native memory: dispose it when it is not needed any more. ML.NET's prediction engines
/// dispose the model with themselves, unless <see cref="PredictionEngineOptions.OwnsTransformer"/> is false.
/// </remarks>
public sealed class HiMoClipTransformer : ITransformer, IDisposable
{
    internal const string LoaderSignature = "HiMoClipTransformer";

    private const string ModelSignature = "HIMOCLIP";
    // 2: similarity, threshold, columns that may be null; 3: hashes, labels' embeddings, image folder, any blocks; 4: graphs.
    private const uint FormatVersion = 0x00010004;
    private const uint AnyBlocks = 0x00010003;
    private const uint ReadableBy = 0x00010002;
    private const uint OldestReadable = 0x00010001;

    private static readonly string s_assembly = typeof(HiMoClipTransformer).Assembly.GetName().Name!;

    private readonly ClipEncoder _encoder;
    private int _disposed;

    internal HiMoClipTransformer(ClipEncoder encoder, HiMoClipColumns columns, string? imageFolder, ZeroShotHead? zeroShot = null)
    {
        _encoder = encoder;
        Columns = columns;
        ImageFolder = imageFolder;
        ZeroShot = zeroShot;
    }

    /// <exception cref="ObjectDisposedException">This transformer is disposed of.</exception>
    internal ClipEncoder Encoder
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
            return _encoder;
        }
    }

    internal PlaneReader Planes => ReduceJpegs ? Encoder.ReducedPlanes : Encoder.Planes;

    internal HiMoClipColumns Columns { get; private set; }

    internal ZeroShotHead? ZeroShot { get; }

    /// <summary>
    /// A folder that relative image paths start from; null for the working folder. Saved with the model, and settable, since a
    /// model moves between machines: <c>foreach (var t in model.HiMoClipTransformers()) t.ImageFolder = "…"</c> sets it in a chain.
    /// </summary>
    public string? ImageFolder { get; set; }

    /// <summary>
    /// Rows of a data view that are computed at a time; the images of as many are read meanwhile. On a CPU, where the network takes eight
    /// images at a time, more rows gain nothing. Not saved with the model. At least 1; default 32.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Set to less than 1.</exception>
    public int BatchSize
    {
        get;
        set
        {
            OptionCheck.Require(value >= 1, nameof(HiMoClipTransformer), nameof(BatchSize), value, "at least 1");
            field = value;
        }
    } = ClipEncoder.BatchSize;

    /// <summary>
    /// Whether JPEG files are decoded at the smallest eighths of their size whose shorter side has at least twice the network's pixels,
    /// and resized from there. That is several times as fast with large photographs, and the embeddings differ a little from those of
    /// CLIP's own preprocessing (docs/performance.md has both). Not saved with the model. Default: false.
    /// </summary>
    public bool ReduceJpegs { get; set; }

    /// <summary>The sizes of the model.</summary>
    public ClipArchitecture Architecture => _encoder.Architecture;

    /// <inheritdoc cref="ClipEmbedder.Engine"/>
    public string Engine => _encoder.Engine;

    /// <summary>The labels of a zero-shot classifier, empty without one.</summary>
    public IReadOnlyList<string> Labels => ZeroShot?.Labels ?? [];

    /// <summary>The column of images that it reads; null for a model that reads none.</summary>
    public string? ImageColumnName => Columns.Image;

    /// <summary>The column of texts that it reads; null for a model that reads none.</summary>
    public string? CaptionColumnName => Columns.Text;

    /// <summary>The column of image embeddings that it adds.</summary>
    public string ImageEmbeddingColumnName => Columns.ImageEmbedding;

    /// <summary>The column of text embeddings that it adds.</summary>
    public string TextEmbeddingColumnName => Columns.TextEmbedding;

    /// <summary>The column of cosines that it adds; null for none.</summary>
    public string? SimilarityColumnName => Columns.Similarity;

    /// <summary>The key column that a zero-shot classifier adds.</summary>
    public string PredictedLabelColumnName => Columns.PredictedLabel;

    /// <summary>The column of probabilities that a zero-shot classifier adds.</summary>
    public string ScoreColumnName => Columns.Score;

    /// <summary>
    /// The column that it adds to data with images: why an image cannot be read, a text; empty where it can, or where there is none. With
    /// such a column an unreadable image is a missing value. Null, the default: no such column, and an unreadable image is an
    /// <see cref="ImageReadException"/>. Saved with the model, and settable; it holds for what is transformed from then on.
    /// </summary>
    /// <exception cref="ArgumentException">Set to white space, or to another added column's name.</exception>
    public string? ImageErrorColumnName
    {
        get => Columns.ImageError;
        set
        {
            OptionCheck.Require(value is null || !string.IsNullOrWhiteSpace(value), nameof(HiMoClipTransformer),
                nameof(ImageErrorColumnName), value, "a column name, or null");
            Columns = (Columns with { ImageError = value }).Checked();
        }
    }

    /// <summary>True: every row is transformed by itself.</summary>
    public bool IsRowToRowMapper => true;

    /// <summary>
    /// A zero-shot classifier over any labels: adds a key column with the best label and a vector of probabilities, the
    /// softmax of s · cosine between the image and each label's mean template embedding. Shares this model's weights.
    /// </summary>
    /// <param name="labels">At least one label; all different.</param>
    /// <param name="templates">Texts with <c>{0}</c> in the place of the label; null for the bare label. See
    /// <see cref="ClipTemplates"/>.</param>
    /// <param name="predictedLabelColumnName">The key column, with the labels as its <c>KeyValues</c>.</param>
    /// <param name="scoreColumnName">The probabilities, with the labels as its <c>SlotNames</c>.</param>
    /// <param name="threshold">The cosine, in [-1, 1], that an image needs with the best label's embedding. Below it the predicted
    /// label is missing ("none of these"; <c>MapKeyToValue</c> makes it an empty text) and the probabilities stay. Null: always a
    /// label.</param>
    /// <remarks>
    /// Cosines differ from model to model, and their range is narrow. To choose a threshold, score validation images, with and
    /// without one of the labels, against the filled template of the label that fits best (as their caption: the
    /// <c>Similarity</c> column) and take a value between the two groups. ML.NET's <c>MulticlassClassification.Evaluate</c> judges by the
    /// probabilities, and needs a <c>Label</c> of keys in the order of <paramref name="labels"/>: <c>MapValueToKey</c> with <c>keyData</c>.
    /// </remarks>
    /// <exception cref="ArgumentException">There are no labels, an empty or repeated one, or a template without <c>{0}</c>; the
    /// threshold is not in [-1, 1]; or two added columns have one name.</exception>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not CLIP's.</exception>
    /// <exception cref="InvalidOperationException">The model does not read images (<see cref="HiMoClipOptions.ImageColumnName"/> was
    /// null).</exception>
    /// <example>
    /// <code>
    /// var classifier = model.ForZeroShot(["cat", "dog"], ClipTemplates.Photo, threshold: 0.2f);
    /// var named = classifier.Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(classifier.Transform(data)));
    /// </code>
    /// </example>
    public HiMoClipTransformer ForZeroShot(
        IEnumerable<string> labels, IEnumerable<string>? templates = null, string predictedLabelColumnName = "PredictedLabel",
        string scoreColumnName = "Score",
        float? threshold = null)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentException.ThrowIfNullOrWhiteSpace(predictedLabelColumnName);
        ArgumentException.ThrowIfNullOrWhiteSpace(scoreColumnName);
        ClipEncoder encoder = Encoder;
        string[] names = [.. labels], texts = [.. templates ?? ["{0}"]];
        ZeroShotHead.Check(names, texts, threshold);
        if (Columns.Image is null)
        {
            throw InputColumns.Unused("images", nameof(HiMoClipOptions.ImageColumnName));
        }

        HiMoClipColumns columns = (Columns with { PredictedLabel = predictedLabelColumnName, Score = scoreColumnName }).Checked();
        var head = new ZeroShotHead(encoder, names, texts, threshold);
        return new(encoder.Share(), columns, ImageFolder, head) { BatchSize = BatchSize, ReduceJpegs = ReduceJpegs };
    }

    /// <summary>The model without a pipeline, to embed single images and texts. Shares this model's weights; to be disposed of by
    /// itself.</summary>
    /// <exception cref="ObjectDisposedException">The transformer is disposed.</exception>
    public ClipEmbedder CreateEmbedder() => new(Encoder.Share());

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public DataViewSchema GetOutputSchema(DataViewSchema inputSchema) => ClipBinding.Create(this, inputSchema).OutputSchema;

    /// <inheritdoc/>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public IDataView Transform(IDataView input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return new ScoringDataView(ClipBinding.Create(this, input.Schema), input);
    }

    /// <inheritdoc/>
    public IRowToRowMapper GetRowToRowMapper(DataViewSchema inputSchema) => ClipBinding.Create(this, inputSchema, forRows: true);

    /// <inheritdoc cref="ClipEmbedder.SaveCheckpoint"/>
    public void SaveCheckpoint(string path) => Encoder.SaveCheckpoint(path);

    /// <inheritdoc cref="ClipEmbedder.SaveOnnx"/>
    public void SaveOnnx(string folder, OnnxPrecision precision = OnnxPrecision.Float32) => Encoder.SaveOnnx(folder, precision);

    /// <inheritdoc cref="ClipEmbedder.SaveHuggingFace"/>
    public void SaveHuggingFace(string folder, params OnnxPrecision[] precisions) => Encoder.SaveHuggingFace(folder, precisions);

    void ICanSaveModel.Save(ModelSaveContext ctx)
    {
        using ClipEncoder held = Encoder.Share();
        // Earlier versions would take a GELU for a QuickGELU, and heads of any width for heads of 64.
        uint readableBy = !held.HasWeights ? FormatVersion : Architecture.HasUsualBlocks ? ReadableBy : AnyBlocks;
        MLNetInternals.SetVersion(ctx, ModelSignature, FormatVersion, readableBy, OldestReadable, LoaderSignature, s_assembly);
        ModelEntriesWriter entries = MLNetInternals.Writer(ctx);
        var settings = new ModelSettings(Architecture, Columns, ZeroShot?.Labels, ZeroShot?.Templates, ZeroShot?.Threshold, ImageFolder);
        entries.Write(ModelArchive.SettingsEntry, stream => JsonSerializer.Serialize(stream, settings));
        entries.Write(ModelArchive.VocabularyEntry, held.Tokenizer.WriteMerges);
        held.SaveNetwork(entries);
        if (ZeroShot is not null)
        {
            entries.WriteSources(ModelArchive.LabelsSourceEntry);
            entries.Write(ModelArchive.LabelsEntry, ZeroShot.Write);
        }

        entries.WriteHashes();
    }

    // ML.NET calls this through its LoadableClass attribute (Interop/Loadable.cs).
    private static HiMoClipTransformer Create(IHostEnvironment env, object context)
    {
        MLNetInternals.CheckVersion(context, ModelSignature, FormatVersion, ReadableBy, OldestReadable, LoaderSignature, s_assembly);
        ModelEntries entries = MLNetInternals.Entries(context);
        var settings = ModelSettings.Read(entries);
        var encoder = ClipEncoder.Read(entries, settings.Architecture, MLNetInternals.Device(env));
        try
        {
            ZeroShotHead? head = settings.Labels is not { } labels ? null : new(
                encoder, labels, settings.Templates!, settings.Threshold, ZeroShotHead.TryRead(entries, labels.Count, encoder.Dimension));
            return new(encoder, settings.Columns, settings.ImageFolder, head);
        }
        catch
        {
            encoder.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Frees the weights, unless another transformer shares them. A model that is not disposed of is left to the garbage collector.
    /// </summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _encoder.Dispose();
        }
    }
}
