using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>The transformed data: lazy, scored in batches while a cursor moves.</summary>
internal sealed class ScoringDataView(RowBinding binding, IDataView source) : IDataView
{
    /// <summary>Rows scored at a time.</summary>
    private const int BatchSize = 32;

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
        private readonly DataViewRowId[] _ids = new DataViewRowId[BatchSize];
        private readonly long[] _batches = new long[BatchSize];
        private int _row = -1, _count;
        private long _position = -1;

        public Cursor(RowBinding binding, DataViewRowCursor input, DataViewSchema.Column[] active)
        {
            _binding = binding;
            _input = input;
            _active = [.. active.Select(c => c.Index)];
            HashSet<int> added = [.. _active.Select(binding.Added).OfType<int>()];
            _scores = added.Count > 0;
            _scorer = binding.Start(input, added);
            _passed = _active.Where(i => binding.Added(i) is null).ToDictionary(i => i, i => PassedColumn.Create(input, input.Schema[i], BatchSize));
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
            while (_count < BatchSize && _input.MoveNext())
            {
                foreach (PassedColumn column in _passed.Values)
                {
                    column.Read(_count);
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

        private int CurrentRow() => _position >= 0 ? _row : throw new InvalidOperationException("The cursor is not at a row: call MoveNext first, and stop when it returns false.");

        public override ValueGetter<TValue> GetGetter<TValue>(DataViewSchema.Column column)
        {
            if (!IsColumnActive(column))
            {
                throw new ArgumentOutOfRangeException(nameof(column), $"Column '{column.Name}' was not asked for when this cursor was made.");
            }

            return _binding.Added(column.Index) is { } added
                ? _scorer.Getter<TValue>(column, added, CurrentRow)
                : _passed[column.Index].Getter<TValue>(column, CurrentRow);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                foreach (PassedColumn column in _passed.Values)
                {
                    column.Dispose();
                }

                _input.Dispose();
            }
            base.Dispose(disposing);
        }
    }

    /// <summary>The values of an input column for the rows of a batch.</summary>
    private abstract class PassedColumn : IDisposable
    {
        public static PassedColumn Create(DataViewRow input, DataViewSchema.Column column, int size) =>
            (PassedColumn)Activator.CreateInstance(typeof(PassedColumn<>).MakeGenericType(column.Type.RawType), input, column, size)!;

        public static void CopyVector<TItem>(ref VBuffer<TItem> from, ref VBuffer<TItem> to) => from.CopyTo(ref to);

        public abstract void Read(int slot);

        public abstract ValueGetter<TOther> Getter<TOther>(DataViewSchema.Column column, Func<int> current);

        public abstract void Dispose();
    }

    private sealed class PassedColumn<T>(DataViewRow input, DataViewSchema.Column column, int size) : PassedColumn
    {
        private delegate void Copier(ref T from, ref T to);

        // The reader may write into a vector that it was given, so a vector is copied into the reader's own.
        private static readonly Copier s_copy = typeof(T).IsGenericType && typeof(T).GetGenericTypeDefinition() == typeof(VBuffer<>)
            ? typeof(PassedColumn).GetMethod(nameof(CopyVector))!.MakeGenericMethod(typeof(T).GetGenericArguments()).CreateDelegate<Copier>()
            : (ref T from, ref T to) => to = from;

        private readonly ValueGetter<T> _get = input.GetGetter<T>(column);
        private readonly T[] _values = new T[size];
        private readonly bool[] _given = new bool[size];

        public override void Read(int slot)
        {
            // Once handed out, an image is its reader's; buffers of vectors are filled again.
            if (_given[slot] && typeof(T) == typeof(MLImage))
            {
                _values[slot] = default!;
            }

            _given[slot] = false;
            _get(ref _values[slot]);
        }

        public override ValueGetter<TOther> Getter<TOther>(DataViewSchema.Column column, Func<int> current)
        {
            ValueGetter<T> getter = (ref T value) =>
            {
                int row = current();
                _given[row] = true;
                s_copy(ref _values[row], ref value);
            };
            return BatchScorer.Typed<TOther>(getter, column);
        }

        public override void Dispose()
        {
            for (int i = 0; i < _values.Length; i++)
            {
                if (!_given[i])
                {
                    (_values[i] as IDisposable)?.Dispose();
                }
            }
        }
    }
}
