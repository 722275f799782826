using System.Runtime.ExceptionServices;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The transformed data: lazy, scored in batches while a cursor moves.</summary>
internal sealed class ScoringDataView(RowBinding binding, IDataView source) : IDataView
{
    // Of images that are held or passed on, in the batch and the one read ahead; a batch ends at the row that reaches its share.
    private const long HeldBytes = 64 << 20;

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
        // Of two batches: the one that is scored and the one that is read ahead take the halves in turn.
        private readonly DataViewRowId[] _ids;
        private readonly long[] _batches;
        private readonly int _batchSize;
        private Rows? _ahead;
        private int _row = -1, _count, _first;
        private long _position = -1;

        /// <param name="First">The first slot.</param>
        /// <param name="Count">Rows.</param>
        /// <param name="Error">What kept the next row from being read.</param>
        private sealed record Rows(int First, int Count, ExceptionDispatchInfo? Error = null);

        public Cursor(RowBinding binding, DataViewRowCursor input, DataViewSchema.Column[] active)
        {
            _binding = binding;
            _batchSize = binding.BatchSize;
            (_ids, _batches) = (new DataViewRowId[2 * _batchSize], new long[2 * _batchSize]);
            _input = input;
            _active = [.. active.Select(c => c.Index)];
            HashSet<int> added = [.. _active.Select(binding.Added).OfType<int>()];
            _scores = added.Count > 0;
            _scorer = binding.Start(input, added);
            _passed = _active.Where(i => binding.Added(i) is null).ToDictionary(i => i,
                i => PassedColumn.Create(input, input.Schema[i], 2 * _batchSize));
            _getId = input.GetIdGetter();
        }

        public override DataViewSchema Schema => _binding.OutputSchema;

        public override long Position => _position;

        public override long Batch => _batches[_first + Math.Max(_row, 0)];

        public override bool IsColumnActive(DataViewSchema.Column column) => _active.Contains(column.Index);

        public override ValueGetter<DataViewRowId> GetIdGetter() => (ref DataViewRowId value) => value = _ids[CurrentSlot()];

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
            // Who stops within the first batch has nothing read ahead.
            bool readsAhead = _scorer.ReadsAhead && _position >= 0;
            Rows current = _ahead ?? Read(0);
            if (readsAhead && current.Count > 0)
            {
                if (_ahead is null)
                {
                    _scorer.Prepare();
                }

                _ahead = ReadAhead(_batchSize - current.First);
            }

            current.Error?.Throw();
            (_row, _first, _count) = (0, current.First, current.Count);
            if (_count > 0 && _scores)
            {
                _scorer.Score();
            }

            return _count > 0;
        }

        /// <summary>Reads the batch after the current one; what goes wrong is told when it is its turn.</summary>
        private Rows ReadAhead(int first)
        {
            try
            {
                Rows rows = Read(first);
                if (rows.Count > 0)
                {
                    _scorer.Prepare();
                }

                return rows;
            }
            catch (Exception e)
            {
                return new(first, 0, ExceptionDispatchInfo.Capture(e));
            }
        }

        private Rows Read(int first)
        {
            _scorer.Clear();
            int count = 0;
            long held = 0, mostHeld = _scorer.ReadsAhead ? HeldBytes / 2 : HeldBytes;
            while (count < _batchSize && held < mostHeld && _input.MoveNext())
            {
                foreach (PassedColumn column in _passed.Values)
                {
                    held += column.Read(first + count);
                }

                _getId(ref _ids[first + count]);
                _batches[first + count] = _input.Batch;
                held += _scorer.Collect();
                count++;
            }

            return new(first, count);
        }

        private int CurrentSlot() => _first + CurrentRow();

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
                : _passed[column.Index].Getter<TValue>(column, CurrentSlot);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _scorer.Dispose();
                _input.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
