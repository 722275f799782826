using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The columns that an image search reads and adds.</summary>
/// <param name="Query">What to search for; null for the text embedding where the data has one, else the image embedding.</param>
/// <param name="Embedding">The image embedding.</param>
/// <param name="Results">The names found.</param>
/// <param name="Scores">Their cosines.</param>
/// <param name="TextEmbedding">The text embedding of the model that embedded the images.</param>
internal sealed record SearchColumns(
    string? Query, string Embedding, string Results, string Scores, string TextEmbedding = "TextEmbedding");

/// <summary>A <see cref="HiMoClipImageSearchTransformer"/> bound to an input schema.</summary>
internal sealed class SearchBinding : RowBinding
{
    private readonly HiMoClipImageSearchTransformer _transformer;
    private readonly DataViewSchema.Column _query;

    private SearchBinding(HiMoClipImageSearchTransformer transformer, DataViewSchema input, DataViewSchema.Column query)
        : base(input, Outputs(transformer.Columns, transformer.K)) =>
        (_transformer, _query) = (transformer, query);

    /// <exception cref="ArgumentOutOfRangeException">The query column is missing or of the wrong type; the message names it.</exception>
    public static SearchBinding Create(HiMoClipImageSearchTransformer transformer, DataViewSchema input)
    {
        SearchColumns columns = transformer.Columns;
        int d = transformer.Images.Dimension;
        bool hasTexts = input.GetColumnOrNull(columns.TextEmbedding) is { } text && !ClipBinding.IsLacking(text);
        string name = columns.Query ?? (hasTexts ? columns.TextEmbedding : columns.Embedding);
        InputColumns.Kind kind = InputColumns.Kind.Embedding with
        {
            Role = "query",
            Expected = $"a vector of {d} singles, as the fitted images have"
        };
        DataViewSchema.Column query = InputColumns.Find(input, name, kind);
        return ((VectorDataViewType)query.Type).Size == d ? new(transformer, input, query)
            : throw InputColumns.WrongType(name, kind, query.Type);
    }

    /// <summary>The added columns.</summary>
    public static DataViewSchema.DetachedColumn[] Outputs(SearchColumns columns, int k) =>
        [new(columns.Results, new VectorDataViewType(TextDataViewType.Instance, k)),
        new(columns.Scores, new VectorDataViewType(NumberDataViewType.Single, k))];

    /// <summary>All the images are read from memory once for so many queries.</summary>
    public override int BatchSize => 64;

    protected override IEnumerable<DataViewSchema.Column> InputsOf(int added) => [_query];

    // The search gives names and scores alike: either one active is both computed.
    public override BatchScorer Start(DataViewRow input, IReadOnlySet<int> active) => new Scorer(_transformer, input, _query, active);

    private sealed class Scorer(
        HiMoClipImageSearchTransformer transformer, DataViewRow input, DataViewSchema.Column query, IReadOnlySet<int> active) : BatchScorer
    {
        private readonly List<float[]> _queries = [];
        private ValueGetter<VBuffer<float>>? _read;
        private VBuffer<float> _vector;
        private ReadOnlyMemory<char>[] _results = [];
        private float[] _scores = [];

        public override void Clear() => _queries.Clear();

        public override long Collect()
        {
            if (active.Count > 0)
            {
                (_read ??= input.GetGetter<VBuffer<float>>(query))(ref _vector);
                _queries.Add([.. _vector.DenseValues()]);
            }

            return 0;
        }

        public override void Score()
        {
            int k = transformer.K;
            _results = new ReadOnlyMemory<char>[_queries.Count * k];
            _scores = new float[_queries.Count * k];
            transformer.Images.Search(_queries, k, _results, _scores);
        }

        protected override Delegate Getter(int added, Func<int> current) =>
            added == 0 ? Vector(() => _results, transformer.K, current) : Vector(() => _scores, transformer.K, current);
    }
}
