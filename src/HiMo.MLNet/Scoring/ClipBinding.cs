using System.Numerics.Tensors;
using HiMo.MLNet.Embedding;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Scoring;

/// <summary>The columns a <see cref="HiMoClipTransformer"/> adds.</summary>
internal enum OutputColumn
{
    ImageEmbedding,
    TextEmbedding,
    Similarity,
    PredictedLabel,
    Score,
    ImageError,
}

/// <summary>
/// A <see cref="HiMoClipTransformer"/> bound to an input schema. A side whose input column the data lacks is left out, so
/// that a model trained on images and captions also scores images alone.
/// </summary>
internal sealed class ClipBinding : RowBinding
{
    // Annotations: of an embedding column, what the same model calls its text embeddings; of a column that cannot be computed,
    // the input column that it lacks.
    private const string TextEmbeddingAnnotation = "HiMoClip.TextEmbedding", LackingAnnotation = "HiMoClip.Lacking";

    private readonly HiMoClipTransformer _transformer;
    private readonly HiMoClipColumns _names;
    private readonly DataViewSchema.Column? _image, _text;
    private readonly OutputColumn[] _kinds;

    private ClipBinding(
        HiMoClipTransformer transformer, HiMoClipColumns names, DataViewSchema input, DataViewSchema.Column? image,
        DataViewSchema.Column? text, List<(OutputColumn Kind, DataViewSchema.DetachedColumn Column)> added)
        : base(input, added.Select(c => c.Column)) =>
        (_transformer, _names, _image, _text, _kinds) = (transformer, names, image, text, [.. added.Select(c => c.Kind)]);

    /// <param name="transformer">The transformer.</param>
    /// <param name="input">The schema of the input.</param>
    /// <param name="forRows">Whether rows are bound instead of a data view. A prediction engine takes a column of its class that is not
    /// there for a null: so those of a side that the input lacks are declared, too, and fail when they are read.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public static ClipBinding Create(HiMoClipTransformer transformer, DataViewSchema input, bool forRows = false)
    {
        HiMoClipColumns names = transformer.Columns;
        (bool Image, bool Text) sides = names.Sides(name => input.GetColumnOrNull(name) is not null);
        DataViewSchema.Column? image = sides.Image ? InputColumns.Image(input, names.Image) : null;
        DataViewSchema.Column? text = sides.Text ? InputColumns.Text(input, names.Text) : null;
        (int dimension, IReadOnlyList<string>? labels) = (transformer.Encoder.Dimension, transformer.ZeroShot?.Labels);
        List<(OutputColumn Kind, DataViewSchema.DetachedColumn Column)> columns = Columns(names, sides, dimension, labels);
        if (forRows)
        {
            HashSet<string> taken = [.. input.Select(c => c.Name), .. columns.Select(c => c.Column.Name)];
            columns.AddRange(Columns(names, (names.Image is not null, names.Text is not null), dimension, labels)
                .Where(c => !taken.Contains(c.Column.Name))
                .Select(c => (c.Kind, Lacking(c.Column, sides.Image ? names.Text! : names.Image!))));
        }

        return new(transformer, names, input, image, text, columns);
    }

    /// <summary>The added columns, for data with these sides.</summary>
    public static List<(OutputColumn Kind, DataViewSchema.DetachedColumn Column)> Columns(
        HiMoClipColumns names, (bool Image, bool Text) sides, int dimension, IReadOnlyList<string>? labels)
    {
        var embedding = new VectorDataViewType(NumberDataViewType.Single, dimension);
        DataViewSchema.Annotations sister = Text(TextEmbeddingAnnotation, names.TextEmbedding);
        List<(OutputColumn, DataViewSchema.DetachedColumn)> columns = [];
        if (sides.Image)
        {
            columns.Add((OutputColumn.ImageEmbedding, new(names.ImageEmbedding, embedding, sister)));
        }

        if (sides.Text)
        {
            columns.Add((OutputColumn.TextEmbedding, new(names.TextEmbedding, embedding, sister)));
        }

        if (sides is { Image: true, Text: true } && names.Similarity is not null)
        {
            columns.Add((OutputColumn.Similarity, new(names.Similarity, NumberDataViewType.Single)));
        }

        if (sides.Image && labels is not null)
        {
            var key = new KeyDataViewType(typeof(uint), labels.Count);
            columns.Add((OutputColumn.PredictedLabel, new(names.PredictedLabel, key, Names("KeyValues", labels))));
            var scores = new VectorDataViewType(NumberDataViewType.Single, labels.Count);
            columns.Add((OutputColumn.Score, new(names.Score, scores, Names("SlotNames", labels))));
        }

        if (sides.Image && names.ImageError is not null)
        {
            columns.Add((OutputColumn.ImageError, new(names.ImageError, TextDataViewType.Instance)));
        }

        return columns;
    }

    /// <summary>What the model that computed an embedding column calls its text embeddings; null if this library computed it not.</summary>
    public static string? TextEmbeddingOf(DataViewSchema.Column embedding) => Annotated(embedding.Annotations, TextEmbeddingAnnotation);

    /// <summary>Whether a column is declared though the input lacks what it is computed from.</summary>
    public static bool IsLacking(DataViewSchema.Column column) => Annotated(column.Annotations, LackingAnnotation) is not null;

    private static string? Annotated(DataViewSchema.Annotations annotations, string name)
    {
        if (annotations.Schema.GetColumnOrNull(name) is not { Type: TextDataViewType })
        {
            return null;
        }

        ReadOnlyMemory<char> value = default;
        annotations.GetValue(name, ref value);
        return value.ToString();
    }

    private static DataViewSchema.DetachedColumn Lacking(DataViewSchema.DetachedColumn column, string input)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add(column.Annotations, _ => true);
        builder.Add(Text(LackingAnnotation, input), _ => true);
        return new(column.Name, column.Type, builder.ToAnnotations());
    }

    private static DataViewSchema.Annotations Text(string annotation, string text)
    {
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add(annotation, TextDataViewType.Instance, (ref ReadOnlyMemory<char> value) => value = text.AsMemory());
        return builder.ToAnnotations();
    }

    /// <summary>An annotation that holds the labels: KeyValues or SlotNames.</summary>
    private static DataViewSchema.Annotations Names(string annotation, IReadOnlyList<string> labels)
    {
        ReadOnlyMemory<char>[] names = [.. labels.Select(label => label.AsMemory())];
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add(annotation, new VectorDataViewType(TextDataViewType.Instance, names.Length),
            (ref VBuffer<ReadOnlyMemory<char>> value) => new VBuffer<ReadOnlyMemory<char>>(names.Length, names).CopyTo(ref value));
        return builder.ToAnnotations();
    }

    public override int BatchSize => _transformer.BatchSize;

    private static bool ReadsImage(OutputColumn kind) => kind != OutputColumn.TextEmbedding;

    private static bool NeedsEmbedding(OutputColumn kind) => ReadsImage(kind) && kind != OutputColumn.ImageError;

    private static bool ReadsText(OutputColumn kind) => kind is OutputColumn.TextEmbedding or OutputColumn.Similarity;

    private static bool ReadsLabels(OutputColumn kind) => kind is OutputColumn.PredictedLabel or OutputColumn.Score;

    public override Exception? Lacks(int added)
    {
        OutputColumn kind = _kinds[added];
        string output = OutputSchema[InputSchema.Count + added].Name;
        return ReadsImage(kind) && _image is null ? InputColumns.Missing(output, _names.Image!, InputColumns.Kind.Image, InputSchema)
            : ReadsText(kind) && _text is null ? InputColumns.Missing(output, _names.Text!, InputColumns.Kind.Caption, InputSchema)
            : null;
    }

    protected override IEnumerable<DataViewSchema.Column> InputsOf(int added)
    {
        if (ReadsImage(_kinds[added]) && _image is { } image)
        {
            yield return image;
        }

        if (ReadsText(_kinds[added]) && _text is { } text)
        {
            yield return text;
        }
    }

    public override BatchScorer Start(DataViewRow input, IReadOnlySet<int> active) => new Scorer(this, input, active);

    private sealed class Scorer(ClipBinding binding, DataViewRow input, IReadOnlySet<int> active) : BatchScorer
    {
        private readonly ZeroShotHead? _head = binding._transformer.ZeroShot;
        private readonly List<ImageSource?> _collectedImages = [];
        private readonly List<string> _collectedTexts = [];
        private readonly Queue<Run> _prepared = [];
        private Func<ImageSource?>? _readImage;
        private Func<string>? _readText;
        private float[] _images = [], _texts = [], _similarities = [], _scores = [];
        private uint[] _predicted = [];
        private ReadOnlyMemory<char>[] _errors = [];

        private ClipEncoder Encoder => binding._transformer.Encoder;

        private sealed record Run(ImageSource?[] Images, string[] Texts, PlaneBatch? Planes);

        // Of decoded images the planes are there already.
        public override bool ReadsAhead => Wants(ReadsImage) && binding._image is { Type: not ImageDataViewType };

        private bool Wants(Func<OutputColumn, bool> use) => active.Any(added => use(binding._kinds[added]));

        public override void Clear()
        {
            _collectedImages.Clear();
            _collectedTexts.Clear();
        }

        public override long Collect()
        {
            ImageSource? image = null;
            if (Wants(ReadsImage))
            {
                _readImage ??= InputColumns.ImageReader(
                    input, binding._image!.Value, binding._transformer.ImageFolder, binding._transformer.Planes);
                _collectedImages.Add(image = _readImage());
            }

            if (Wants(ReadsText))
            {
                _collectedTexts.Add((_readText ??= InputColumns.TextReader(input, binding._text!.Value))());
            }

            return image?.Encoded?.Length ?? 0;
        }

        public override void Prepare()
        {
            ImageSource?[] images = [.. _collectedImages];
            ImageSource[] present = [.. images.OfType<ImageSource>()];
            PlaneReader reader = binding._transformer.Planes;
            _prepared.Enqueue(new(images, [.. _collectedTexts],
                new PlaneBatch(reader, present.Length, (i, planes) => reader.Read(present[i], planes.Span))));
        }

        public override void Score()
        {
            using PlaneBatch? read = _prepared.TryDequeue(out Run? prepared) ? prepared.Planes : null;
            Run run = prepared ?? new([.. _collectedImages], [.. _collectedTexts], null);
            EmbedImages(run);
            _texts = run.Texts.Length > 0 ? Encoder.EncodeTexts(run.Texts) : [];
            if (Wants(ReadsLabels))
            {
                Classify(run.Images.Length);
            }

            if (Wants(kind => kind == OutputColumn.Similarity))
            {
                int d = Encoder.Dimension;
                _similarities = [.. Enumerable.Range(0, run.Texts.Length)
                    .Select(i => TensorPrimitives.Dot(_images.AsSpan(i * d, d), _texts.AsSpan(i * d, d)))];
            }
        }

        private void EmbedImages(Run run)
        {
            int d = Encoder.Dimension;
            PlaneReader reader = binding._transformer.Planes;
            int[] present = [.. Enumerable.Range(0, run.Images.Length).Where(i => run.Images[i] is not null)];
            (byte[] planes, ImageReadException?[] errors) =
                run.Planes?.Wait() ?? reader.ReadEach([.. present.Select(i => run.Images[i]!)]);
            if (binding._names.ImageError is null && errors.OfType<ImageReadException>().FirstOrDefault() is { } error)
            {
                throw error;
            }

            _errors = new ReadOnlyMemory<char>[run.Images.Length];
            for (int i = 0; i < present.Length; i++)
            {
                _errors[present[i]] = errors[i]?.Reason.AsMemory() ?? default;
            }

            int[] readable = reader.Compact(planes, errors);
            _images = new float[run.Images.Length * d];
            _images.AsSpan().Fill(float.NaN);                                 // a missing image has no embedding
            float[] embeddings = Wants(NeedsEmbedding) ? Encoder.EncodePlanes(planes.AsSpan(0, readable.Length * reader.Length)) : [];
            for (int i = 0; i < embeddings.Length / d; i++)
            {
                embeddings.AsSpan(i * d, d).CopyTo(_images.AsSpan(present[readable[i]] * d));
            }
        }

        public override void Dispose()
        {
            while (_prepared.TryDequeue(out Run? run))
            {
                run.Planes?.Dispose();
            }
        }

        private void Classify(int images)
        {
            int d = Encoder.Dimension, labels = _head!.Labels.Count;
            _scores = new float[images * labels];
            _predicted = new uint[images];
            for (int i = 0; i < _predicted.Length; i++)
            {
                _predicted[i] = _head.Classify(_images.AsSpan(i * d, d), _scores.AsSpan(i * labels, labels));
            }
        }

        protected override Delegate Getter(int added, Func<int> current) => binding._kinds[added] switch
        {
            OutputColumn.ImageEmbedding => Vector(() => _images, Encoder.Dimension, current),
            OutputColumn.TextEmbedding => Vector(() => _texts, Encoder.Dimension, current),
            OutputColumn.Similarity => Scalar(() => _similarities, current),
            OutputColumn.PredictedLabel => Scalar(() => _predicted, current),
            OutputColumn.ImageError => Scalar(() => _errors, current),
            _ => Vector(() => _scores, _head!.Labels.Count, current),
        };
    }
}
