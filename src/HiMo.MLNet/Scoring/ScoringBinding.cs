using HiMo.MLNet.Images;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The columns a transformer adds.</summary>
internal enum OutputColumn
{
    ImageEmbedding,
    TextEmbedding,
    PredictedLabel,
    Score,
}

/// <summary>The values of the added columns for a run of rows.</summary>
internal sealed class ScoredRows(int dimension, int labels)
{
    public float[] Images = [], Texts = [], Scores = [];
    public uint[] Predicted = [];

    public void Get(OutputColumn column, int row, ref VBuffer<float> value)
    {
        (float[] source, int length) = column switch
        {
            OutputColumn.ImageEmbedding => (Images, dimension),
            OutputColumn.TextEmbedding => (Texts, dimension),
            _ => (Scores, labels),
        };
        VBufferEditor<float> editor = VBufferEditor.Create(ref value, length);
        source.AsSpan(row * length, length).CopyTo(editor.Values);
        value = editor.Commit();
    }
}

/// <summary>
/// A transformer bound to an input schema: which input columns it reads, which columns it adds. A side whose input column
/// the data lacks is left out, so that a model trained on pictures and captions also scores pictures alone.
/// </summary>
internal sealed class ScoringBinding
{
    private readonly HiMoClipTransformer _transformer;
    private readonly DataViewSchema.Column? _image, _text;
    private readonly Dictionary<int, OutputColumn> _outputs = [];

    public ScoringBinding(HiMoClipTransformer transformer, DataViewSchema input)
    {
        _transformer = transformer;
        InputSchema = input;
        HiMoClipColumns columns = transformer.Columns;
        bool hasImage = input.GetColumnOrNull(columns.Image) is not null, hasText = input.GetColumnOrNull(columns.Text) is not null;
        if (hasImage || !hasText)
            _image = InputColumns.Image(input, columns.Image);
        if (hasText)
            _text = InputColumns.Text(input, columns.Text);

        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        int next = input.Count;
        void Add(OutputColumn kind, string name, DataViewType type, DataViewSchema.Annotations? annotations = null)
        {
            builder.AddColumn(name, type, annotations);
            _outputs.Add(next++, kind);
        }
        var embedding = new VectorDataViewType(NumberDataViewType.Single, transformer.Encoder.Dimension);
        if (_image is not null)
            Add(OutputColumn.ImageEmbedding, columns.ImageEmbedding, embedding);
        if (_text is not null)
            Add(OutputColumn.TextEmbedding, columns.TextEmbedding, embedding);
        if (_image is not null && transformer.ZeroShot is { } head)
        {
            Add(OutputColumn.PredictedLabel, columns.PredictedLabel, new KeyDataViewType(typeof(uint), head.Labels.Count), Names("KeyValues", head.Labels));
            Add(OutputColumn.Score, columns.Score, new VectorDataViewType(NumberDataViewType.Single, head.Labels.Count), Names("SlotNames", head.Labels));
        }
        OutputSchema = builder.ToSchema();
    }

    /// <summary>An annotation that holds the labels: KeyValues or SlotNames.</summary>
    public static DataViewSchema.Annotations Names(string annotation, IReadOnlyList<string> labels)
    {
        ReadOnlyMemory<char>[] names = [.. labels.Select(label => label.AsMemory())];
        var builder = new DataViewSchema.Annotations.Builder();
        builder.Add(annotation, new VectorDataViewType(TextDataViewType.Instance, names.Length),
            (ref VBuffer<ReadOnlyMemory<char>> value) => new VBuffer<ReadOnlyMemory<char>>(names.Length, names).CopyTo(ref value));
        return builder.ToAnnotations();
    }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    /// <summary>The added column at this index of the output schema, null for a column of the input.</summary>
    public OutputColumn? Output(int index) => _outputs.TryGetValue(index, out OutputColumn kind) ? kind : null;

    /// <summary>The input columns that these output columns are computed or passed on from.</summary>
    public IEnumerable<DataViewSchema.Column> Dependencies(IEnumerable<DataViewSchema.Column> outputs)
    {
        var needed = new SortedSet<int>();
        foreach (DataViewSchema.Column column in outputs)
            needed.Add(Output(column.Index) switch
            {
                null => column.Index,
                OutputColumn.TextEmbedding => _text!.Value.Index,
                _ => _image!.Value.Index,
            });
        return needed.Select(i => InputSchema[i]);
    }

    /// <summary>Prepares scoring: the first delegate collects the current row, the second scores the rows collected since.</summary>
    public (Action Collect, Func<ScoredRows> Score) Start(DataViewRow input, IReadOnlySet<OutputColumn> active)
    {
        bool wantsImage = active.Any(column => column != OutputColumn.TextEmbedding), wantsText = active.Contains(OutputColumn.TextEmbedding);
        bool wantsScore = active.Contains(OutputColumn.Score) || active.Contains(OutputColumn.PredictedLabel);
        Func<Func<RgbImage>?>? readImage = wantsImage ? InputColumns.ImageReader(input, _image!.Value, _transformer.ImageFolder) : null;
        Func<string>? readText = wantsText ? InputColumns.TextReader(input, _text!.Value) : null;
        List<Func<RgbImage>?> images = [];
        List<string> texts = [];
        return (
            () =>
            {
                if (readImage is not null)
                    images.Add(readImage());
                if (readText is not null)
                    texts.Add(readText());
            },
            () =>
            {
                var rows = new ScoredRows(_transformer.Encoder.Dimension, _transformer.ZeroShot?.Labels.Count ?? 0);
                if (images.Count > 0)
                    ScoreImages(rows, images, wantsScore);
                if (texts.Count > 0)
                    rows.Texts = _transformer.Encoder.EncodeTexts(texts);
                images.Clear();
                texts.Clear();
                return rows;
            }
        );
    }

    private void ScoreImages(ScoredRows rows, List<Func<RgbImage>?> images, bool wantsScore)
    {
        ClipEncoder encoder = _transformer.Encoder;
        int d = encoder.Dimension;
        int[] present = [.. Enumerable.Range(0, images.Count).Where(i => images[i] is not null)];
        var pixels = new RgbImage[present.Length];
        try
        {
            Parallel.For(0, present.Length, i => pixels[i] = images[present[i]]!());
        }
        catch (AggregateException e) when (e.InnerException is not null)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerException);
        }
        float[] embeddings = present.Length > 0 ? encoder.EncodeImages(pixels) : [];
        rows.Images = new float[images.Count * d];
        rows.Images.AsSpan().Fill(float.NaN);                                 // a missing picture has no embedding
        for (int i = 0; i < present.Length; i++)
            embeddings.AsSpan(i * d, d).CopyTo(rows.Images.AsSpan(present[i] * d));
        if (!wantsScore)
            return;

        int labels = _transformer.ZeroShot!.Labels.Count;
        rows.Scores = new float[images.Count * labels];
        rows.Predicted = new uint[images.Count];                              // 0, the missing key
        rows.Scores.AsSpan().Fill(float.NaN);
        foreach (int i in present)
        {
            Span<float> scores = rows.Scores.AsSpan(i * labels, labels);
            _transformer.ZeroShot.Score(rows.Images.AsSpan(i * d, d), scores);
            rows.Predicted[i] = (uint)System.Numerics.Tensors.TensorPrimitives.IndexOfMax(scores) + 1;
        }
    }
}
