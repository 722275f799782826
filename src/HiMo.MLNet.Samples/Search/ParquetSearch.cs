using DuckDB.NET.Data;

namespace HiMo.MLNet.Samples.Search;

/// <summary>
/// A search in the folder of Parquet files that <c>himo embed</c> wrote, where they lie: DuckDB reads them as one table, on all cores, and
/// holds no more of them than it needs at a time.
/// </summary>
internal sealed class ParquetSearch : IDisposable
{
    private readonly DuckDBConnection _connection = new("DataSource=:memory:");
    private readonly string _rows;

    /// <param name="parts">The folder.</param>
    public ParquetSearch(string parts)
    {
        string files = Path.Combine(parts, "*.parquet").Replace("'", "''", StringComparison.Ordinal);
        _rows = $"(select image, embedding from read_parquet('{files}') where embedding is not null)";
        _connection.Open();
        Count = Convert.ToInt64(Scalar($"select count(*) from {_rows}"), null);
        Dimension = Convert.ToInt32(Scalar($"select len(embedding) from {_rows} limit 1") ?? 0, null);
    }

    /// <summary>Images that could be read.</summary>
    public long Count { get; }

    /// <summary>d, the length of an embedding.</summary>
    public int Dimension { get; }

    /// <summary>The k images that are most like a query, the best first. Embeddings have length 1: their inner product is their
    /// cosine.</summary>
    public IReadOnlyList<(string Image, float Cosine)> Find(float[] query, int k) => Find(query, k, _rows);

    /// <summary>Keeps the table in memory, for many queries: 4 · d bytes an image.</summary>
    /// <returns>What <see cref="Find(float[], int, string)"/> takes.</returns>
    public string Hold()
    {
        Scalar($"create or replace table held as select image, embedding::FLOAT[{Dimension}] as embedding from {_rows}");
        return "held";
    }

    /// <param name="query">d numbers.</param>
    /// <param name="k">How many.</param>
    /// <param name="rows">The table.</param>
    public IReadOnlyList<(string Image, float Cosine)> Find(float[] query, int k, string rows)
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.CommandText = $"""
            select image, array_inner_product(embedding::FLOAT[{Dimension}], $query::FLOAT[{Dimension}]) as cosine
            from {rows} order by cosine desc limit {k}
            """;
        command.Parameters.Add(new DuckDBParameter("query", query.ToList()));
        using DuckDBDataReader reader = command.ExecuteReader();
        List<(string, float)> found = [];
        while (reader.Read())
        {
            found.Add((reader.GetString(0), reader.GetFloat(1)));
        }

        return found;
    }

    /// <summary>All images, as they are read.</summary>
    public IEnumerable<(string Image, float[] Embedding)> Rows()
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.UseStreamingMode = true;
        command.CommandText = $"select image, embedding from {_rows}";
        using DuckDBDataReader reader = command.ExecuteReader();
        while (reader.Read())
        {
            yield return (reader.GetString(0), [.. reader.GetFieldValue<List<float>>(1)]);
        }
    }

    public void Dispose() => _connection.Dispose();

    private object? Scalar(string sql)
    {
        using DuckDBCommand command = _connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
