using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>One row at a time, for prediction engines: scores when a value is first asked for at a position.</summary>
internal sealed class ScoringMapper(HiMoClipTransformer transformer, DataViewSchema input) : IRowToRowMapper
{
    private readonly ScoringBinding _binding = new(transformer, input);

    public DataViewSchema InputSchema => _binding.InputSchema;

    public DataViewSchema OutputSchema => _binding.OutputSchema;

    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) => _binding.Dependencies(dependingColumns);

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) => new Row(_binding, input, activeColumns);

    private sealed class Row : DataViewRow
    {
        private readonly ScoringBinding _binding;
        private readonly DataViewRow _input;
        private readonly HashSet<int> _active;
        private readonly Action _collect;
        private readonly Func<ScoredRows> _score;
        private ScoredRows? _scored;
        private long _scoredPosition = -1;

        public Row(ScoringBinding binding, DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
        {
            _binding = binding;
            _input = input;
            _active = [.. activeColumns.Select(c => c.Index)];
            (_collect, _score) = binding.Start(input, _active.Select(i => binding.Output(i)).OfType<OutputColumn>().ToHashSet());
        }

        public override DataViewSchema Schema => _binding.OutputSchema;

        public override long Position => _input.Position;

        public override long Batch => _input.Batch;

        public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

        public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (_binding.Output(column.Index) is not { } output)
                return _input.GetGetter<TValue>(_input.Schema[column.Index]);
            return ScoredGetter.Create<TValue>(column, output, () =>
            {
                if (_scored is null || _scoredPosition != Position)
                {
                    _collect();
                    _scored = _score();
                    _scoredPosition = Position;
                }
                return (_scored, 0);
            });
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _input.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>Getters of the added columns.</summary>
internal static class ScoredGetter
{
    /// <param name="column">The column, for the error.</param>
    /// <param name="output">Which of the added columns it is.</param>
    /// <param name="current">The scored rows and the current one among them.</param>
    /// <exception cref="InvalidOperationException">TValue is not the column's type.</exception>
    public static ValueGetter<TValue> Create<TValue>(DataViewSchema.Column column, OutputColumn output, Func<(ScoredRows Rows, int Index)> current)
    {
        Delegate getter = output == OutputColumn.PredictedLabel
            ? (ValueGetter<uint>)((ref uint value) =>
            {
                (ScoredRows rows, int index) = current();
                value = rows.Predicted[index];
            })
            : (ValueGetter<VBuffer<float>>)((ref VBuffer<float> value) =>
            {
                (ScoredRows rows, int index) = current();
                rows.Get(output, index, ref value);
            });
        return getter as ValueGetter<TValue>
            ?? throw new InvalidOperationException($"Column '{column.Name}' holds {column.Type}; its values cannot be read as {typeof(TValue)}.");
    }
}
