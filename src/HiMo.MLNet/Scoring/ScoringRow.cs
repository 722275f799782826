using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>
/// One row at a time, for prediction engines. An engine declares every column active and reads those its class has: a
/// column is computed once a getter was asked for, and only when a value is first read at a position.
/// </summary>
internal sealed class ScoringRow : DataViewRow
{
    private readonly RowBinding _binding;
    private readonly DataViewRow _input;
    private readonly HashSet<int> _active;
    private readonly HashSet<int> _asked = [];
    private readonly BatchScorer _scorer;
    private long? _scoredPosition;

    public ScoringRow(RowBinding binding, DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns)
    {
        _binding = binding;
        _input = input;
        _active = [.. activeColumns.Select(c => c.Index)];
        _scorer = binding.Start(input, _asked);
    }

    public override DataViewSchema Schema => _binding.OutputSchema;

    public override long Position => _input.Position;

    public override long Batch => _input.Batch;

    public override ValueGetter<DataViewRowId> GetIdGetter() => _input.GetIdGetter();

    public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

    public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
    {
        if (_binding.Added(column.Index) is not { } added)
        {
            return _input.GetGetter<TValue>(_input.Schema[column.Index]);
        }

        if (_binding.Lacks(added) is { } error)
        {
            // When it is read: other transformers ask for getters of all there is.
            return (ref TValue _) => throw error;
        }

        if (_asked.Add(added))
        {
            _scoredPosition = null;
        }

        return _scorer.Getter<TValue>(column, added, () =>
        {
            if (_scoredPosition != Position)
            {
                _scorer.Clear();
                _scorer.Collect();
                _scorer.Score();
                _scoredPosition = Position;
            }
            return 0;
        });
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _input.Dispose();
        }

        base.Dispose(disposing);
    }
}
