using System.Numerics.Tensors;
using HiMo.MLNet.Images;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The columns a <see cref="HiMoClipTransformer"/> adds.</summary>
internal enum OutputColumn
{
    ImageEmbedding,
    TextEmbedding,
    Similarity,
    PredictedLabel,
    Score,
}

/// <summary>
/// A <see cref="HiMoClipTransformer"/> bound to an input schema. A side whose input column the data lacks is left out, so
/// that a model trained on pictures and captions also scores pictures alone.
/// </summary>
internal sealed class ClipBinding : RowBinding
{
    private readonly HiMoClipTransformer _transformer;
    private readonly DataViewSchema.Column? _image, _text;
    private readonly OutputColumn[] _kinds;

    private ClipBinding(
        HiMoClipTransformer transformer, DataViewSchema input, DataViewSchema.Column? image, DataViewSchema.Column? text,
        List<(OutputColumn Kind, DataViewSchema.DetachedColumn Column)> added)
        : base(input, added.Select(c => c.Column)) =>
        (_transformer, _image, _text, _kinds) = (transformer, image, text, [.. added.Select(c => c.Kind)]);

    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    public static ClipBinding Create(HiMoClipTransformer transformer, DataViewSchema input)
    {
        HiMoClipColumns names = transformer.Columns;
        (bool Image, bool Text) sides = names.Sides(name => input.GetColumnOrNull(name) is not null);
        return new(transformer, input,
            sides.Image ? InputColumns.Image(input, names.Image) : null,
            sides.Text ? InputColumns.Text(input, names.Text) : null,
            Columns(names, sides, transformer.Encoder.Dimension, transformer.ZeroShot?.Labels));
    }

    /// <summary>The added columns, for data with these sides.</summary>
    public static List<(OutputColumn Kind, DataViewSchema.DetachedColumn Column)> Columns(
        HiMoClipColumns names, (bool Image, bool Text) sides, int dimension, IReadOnlyList<string>? labels)
    {
        var embedding = new VectorDataViewType(NumberDataViewType.Single, dimension);
        List<(OutputColumn, DataViewSchema.DetachedColumn)> columns = [];
        if (sides.Image)
        {
            columns.Add((OutputColumn.ImageEmbedding, new(names.ImageEmbedding, embedding)));
        }

        if (sides.Text)
        {
            columns.Add((OutputColumn.TextEmbedding, new(names.TextEmbedding, embedding)));
        }

        if (sides is { Image: true, Text: true } && names.Similarity is not null)
        {
            columns.Add((OutputColumn.Similarity, new(names.Similarity, NumberDataViewType.Single)));
        }

        if (sides.Image && labels is not null)
        {
            columns.Add((OutputColumn.PredictedLabel, new(names.PredictedLabel, new KeyDataViewType(typeof(uint), labels.Count), Names("KeyValues", labels))));
            columns.Add((OutputColumn.Score, new(names.Score, new VectorDataViewType(NumberDataViewType.Single, labels.Count), Names("SlotNames", labels))));
        }
        return columns;
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

    private static bool ReadsImage(OutputColumn kind) => kind != OutputColumn.TextEmbedding;

    private static bool ReadsText(OutputColumn kind) => kind is OutputColumn.TextEmbedding or OutputColumn.Similarity;

    private static bool ReadsLabels(OutputColumn kind) => kind is OutputColumn.PredictedLabel or OutputColumn.Score;

    protected override IEnumerable<DataViewSchema.Column> InputsOf(int added)
    {
        if (ReadsImage(_kinds[added]))
        {
            yield return _image!.Value;
        }

        if (ReadsText(_kinds[added]))
        {
            yield return _text!.Value;
        }
    }

    public override BatchScorer Start(DataViewRow input, IReadOnlySet<int> active) => new Scorer(this, input, active);

    private sealed class Scorer(ClipBinding binding, DataViewRow input, IReadOnlySet<int> active) : BatchScorer
    {
        private readonly ClipEncoder _encoder = binding._transformer.Encoder;
        private readonly ZeroShotHead? _head = binding._transformer.ZeroShot;
        private readonly List<Func<RgbImage>?> _collectedImages = [];
        private readonly List<string> _collectedTexts = [];
        private Func<Func<RgbImage>?>? _readImage;
        private Func<string>? _readText;
        private float[] _images = [], _texts = [], _similarities = [], _scores = [];
        private uint[] _predicted = [];

        private bool Wants(Func<OutputColumn, bool> use) => active.Any(added => use(binding._kinds[added]));

        public override void Clear()
        {
            _collectedImages.Clear();
            _collectedTexts.Clear();
        }

        public override void Collect()
        {
            if (Wants(ReadsImage))
            {
                _collectedImages.Add((_readImage ??= InputColumns.ImageReader(input, binding._image!.Value, binding._transformer.ImageFolder))());
            }

            if (Wants(ReadsText))
            {
                _collectedTexts.Add((_readText ??= InputColumns.TextReader(input, binding._text!.Value))());
            }
        }

        public override void Score()
        {
            _images = EmbedImages();
            _texts = _collectedTexts.Count > 0 ? _encoder.EncodeTexts(_collectedTexts) : [];
            if (Wants(ReadsLabels))
            {
                Classify();
            }

            if (Wants(kind => kind == OutputColumn.Similarity))
            {
                int d = _encoder.Dimension;
                _similarities = [.. Enumerable.Range(0, _collectedTexts.Count).Select(i => TensorPrimitives.Dot(_images.AsSpan(i * d, d), _texts.AsSpan(i * d, d)))];
            }
        }

        private float[] EmbedImages()
        {
            int d = _encoder.Dimension;
            int[] present = [.. Enumerable.Range(0, _collectedImages.Count).Where(i => _collectedImages[i] is not null)];
            var pixels = new RgbImage[present.Length];
            ParallelLoop.For(present.Length, i => pixels[i] = _collectedImages[present[i]]!());
            float[] embeddings = present.Length > 0 ? _encoder.EncodeImages(pixels) : [];
            float[] all = new float[_collectedImages.Count * d];
            all.AsSpan().Fill(float.NaN);                                     // a missing picture has no embedding
            for (int i = 0; i < present.Length; i++)
            {
                embeddings.AsSpan(i * d, d).CopyTo(all.AsSpan(present[i] * d));
            }

            return all;
        }

        private void Classify()
        {
            int d = _encoder.Dimension, labels = _head!.Labels.Count;
            _scores = new float[_collectedImages.Count * labels];
            _predicted = new uint[_collectedImages.Count];
            for (int i = 0; i < _predicted.Length; i++)
            {
                _predicted[i] = _head.Classify(_images.AsSpan(i * d, d), _scores.AsSpan(i * labels, labels));
            }
        }

        protected override Delegate Getter(int added, Func<int> current) => binding._kinds[added] switch
        {
            OutputColumn.ImageEmbedding => Vector(() => _images, _encoder.Dimension, current),
            OutputColumn.TextEmbedding => Vector(() => _texts, _encoder.Dimension, current),
            OutputColumn.Similarity => Scalar(() => _similarities, current),
            OutputColumn.PredictedLabel => Scalar(() => _predicted, current),
            _ => Vector(() => _scores, _head!.Labels.Count, current),
        };
    }
}
