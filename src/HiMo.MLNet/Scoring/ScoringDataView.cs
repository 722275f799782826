using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The transformed data: lazy, scored in batches while a cursor moves.</summary>
internal sealed class ScoringDataView(RowBinding binding, IDataView source) : IDataView
{
    // Of images that are passed on; a batch ends at the row that reaches it.
    private const long PassedBytes = 64 << 20;

    public DataViewSchema Schema => binding.OutputSchema;

    public bool CanShuffle => source.CanShuffle;

    public long? GetRowCount() => source.GetRowCount();

    public DataViewRowCursor GetRowCursor(IEnumerable<DataViewSchema.Column> columnsNeeded, Random? rand = null)
    {
        DataViewSchema.Column[] needed = [.. columnsNeeded];
        return new Cursor(binding, source.GetRowCursor(binding.GetDependencies(needed), rand), needed);
    }

    // One cursor is all there is to gain: a batch already uses every core.
    public DataViewRowCursor[] GetRowCursorSet(IEnumerable<DataViewSchema.Column> columnsNeeded, int n, Random? rand = null) =>
        [GetRowCursor(columnsNeeded, rand)];

    private sealed class Cursor : DataViewRowCursor
    {
        private readonly RowBinding _binding;
        private readonly DataViewRowCursor _input;
        private readonly HashSet<int> _active;
        private readonly Dictionary<int, PassedColumn> _passed;
        private readonly bool _scores;
        private readonly BatchScorer _scorer;
        private readonly ValueGetter<DataViewRowId> _getId;
        private readonly DataViewRowId[] _ids;
        private readonly long[] _batches;
        private int _row = -1, _count;
        private long _position = -1;

        public Cursor(RowBinding binding, DataViewRowCursor input, DataViewSchema.Column[] active)
        {
            _binding = binding;
            (_ids, _batches) = (new DataViewRowId[binding.BatchSize], new long[binding.BatchSize]);
            _input = input;
            _active = [.. active.Select(c => c.Index)];
            HashSet<int> added = [.. _active.Select(binding.Added).OfType<int>()];
            _scores = added.Count > 0;
            _scorer = binding.Start(input, added);
            _passed = _active.Where(i => binding.Added(i) is null).ToDictionary(i => i,
                i => PassedColumn.Create(input, input.Schema[i], binding.BatchSize));
            _getId = input.GetIdGetter();
        }

        public override DataViewSchema Schema => _binding.OutputSchema;

        public override long Position => _position;

        public override long Batch => _batches[Math.Max(_row, 0)];

        public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _ids[CurrentRow()];

        public override bool MoveNext()
        {
            if (++_row >= _count && !Fill())
            {
                _position = -1;
                return false;
            }
            _position++;
            return true;
        }

        private bool Fill()
        {
            _row = _count = 0;
            _scorer.Clear();
            long passed = 0;
            while (_count < _binding.BatchSize && passed < PassedBytes && _input.MoveNext())
            {
                foreach (PassedColumn column in _passed.Values)
                {
                    passed += column.Read(_count);
                }

                _getId(ref _ids[_count]);
                _batches[_count] = _input.Batch;
                _scorer.Collect();
                _count++;
            }
            if (_count > 0 && _scores)
            {
                _scorer.Score();
            }

            return _count > 0;
        }

        private int CurrentRow() => _position >= 0 ? _row
            : throw new InvalidOperationException("The cursor is not at a row: call MoveNext first, and stop when it returns false.");

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!IsColumnActive(column))
            {
                throw new ArgumentOutOfRangeException(nameof(column),
                    $"Column '{column.Name}' was not asked for when this cursor was made.");
            }

            return _binding.Added(column.Index) is { } added
                ? _scorer.Getter<TValue>(column, added, CurrentRow)
                : _passed[column.Index].Getter<TValue>(column, CurrentRow);
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
}
