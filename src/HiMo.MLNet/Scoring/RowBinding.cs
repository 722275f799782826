using HiMo.MLNet.Interop;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Scoring;

/// <summary>
/// A row-to-row transformer bound to an input schema: which columns it adds, behind those of the input, and which it reads
/// for them. An added column hides an input column of its name.
/// </summary>
internal abstract class RowBinding : IRowToRowMapper
{
    protected RowBinding(DataViewSchema input, IEnumerable<DataViewSchema.DetachedColumn> added)
    {
        InputSchema = input;
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(input);
        builder.AddColumns(added);
        OutputSchema = builder.ToSchema();
    }

    /// <summary>The same for the shapes that estimators promise each other.</summary>
    public static SchemaShape OutputShape(SchemaShape input, IEnumerable<DataViewSchema.DetachedColumn> added)
    {
        var builder = new DataViewSchema.Builder();
        builder.AddColumns(added);
        SchemaShape outputs = MLNetInternals.Shape(builder.ToSchema());
        HashSet<string> hidden = [.. outputs.Select(c => c.Name)];
        return new SchemaShape(input.Where(c => !hidden.Contains(c.Name)).Concat(outputs));
    }

    public DataViewSchema InputSchema { get; }

    public DataViewSchema OutputSchema { get; }

    /// <summary>Rows computed at a time.</summary>
    public abstract int BatchSize { get; }

    /// <summary>Which of the added columns the output column at this index is, null for a column of the input.</summary>
    public int? Added(int index) => index < InputSchema.Count ? null : index - InputSchema.Count;

    /// <summary>The error of reading an added column whose input column is not there; null if it is.</summary>
    public virtual Exception? Lacks(int added) => null;

    /// <summary>The input columns that an added column is computed from, as far as they are there.</summary>
    protected abstract IEnumerable<DataViewSchema.Column> InputsOf(int added);

    /// <summary>Prepares to compute added columns for the rows that <paramref name="input"/> comes to.</summary>
    /// <param name="input">The row or cursor to read.</param>
    /// <param name="active">The added columns to compute; may grow between batches.</param>
    public abstract BatchScorer Start(DataViewRow input, IReadOnlySet<int> active);

    /// <summary>The input columns that these output columns are computed or passed on from.</summary>
    public IEnumerable<DataViewSchema.Column> GetDependencies(IEnumerable<DataViewSchema.Column> dependingColumns) =>
        dependingColumns.SelectMany(c => Added(c.Index) is { } added ? InputsOf(added) : [InputSchema[c.Index]]).DistinctBy(c => c.Index)
            .OrderBy(c => c.Index);

    public DataViewRow GetRow(DataViewRow input, IEnumerable<DataViewSchema.Column> activeColumns) =>
        new ScoringRow(this, input, activeColumns);
}

/// <summary>Computes added columns for a run of input rows at a time.</summary>
internal abstract class BatchScorer : IDisposable
{
    /// <summary>Whether there is something to do for the rows after these while these are scored.</summary>
    public virtual bool ReadsAhead => false;

    /// <summary>Starts a new run: forgets the rows collected so far.</summary>
    public abstract void Clear();

    /// <summary>Takes over what is needed of the input's current row.</summary>
    /// <returns>The bytes it takes, where they may be many.</returns>
    public abstract long Collect();

    /// <summary>Ends a run that is to be scored later, after those before it.</summary>
    public virtual void Prepare() => throw new NotSupportedException();

    /// <summary>Computes the added columns for the rows of the run that was prepared first; if none was, for the collected ones.</summary>
    public abstract void Score();

    public virtual void Dispose()
    {
    }

    /// <summary>A <c>ValueGetter</c> of an added column.</summary>
    /// <param name="added">Which of the added columns.</param>
    /// <param name="current">The current row among the scored ones.</param>
    protected abstract Delegate Getter(int added, Func<int> current);

    /// <inheritdoc cref="Getter"/>
    /// <exception cref="InvalidOperationException">TValue is not the column's type.</exception>
    public ValueGetter<TValue> Getter<TValue>(DataViewSchema.Column column, int added, Func<int> current) =>
        Typed<TValue>(Getter(added, current), column);

    public static ValueGetter<TValue> Typed<TValue>(Delegate getter, DataViewSchema.Column column) => getter as ValueGetter<TValue>
        ?? throw new InvalidOperationException(
            $"Column '{column.Name}' holds {column.Type}; its values cannot be read as {typeof(TValue)}.");

    /// <summary>A getter of one value a row. Coming to the current row may compute the values, so they are looked at after that.</summary>
    protected static ValueGetter<T> Scalar<T>(Func<T[]> values, Func<int> current) => (ref T value) =>
    {
        int row = current();
        value = values()[row];
    };

    /// <summary>A getter of a row of a row-major matrix.</summary>
    protected static ValueGetter<VBuffer<T>> Vector<T>(Func<T[]> matrix, int length, Func<int> current) => (ref VBuffer<T> value) =>
    {
        int row = current();
        var editor = VBufferEditor.Create(ref value, length);
        matrix().AsSpan(row * length, length).CopyTo(editor.Values);
        value = editor.Commit();
    };
}
