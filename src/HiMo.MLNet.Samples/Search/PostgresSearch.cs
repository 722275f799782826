using Npgsql;
using Pgvector;

namespace HiMo.MLNet.Samples.Search;

/// <summary>A search in PostgreSQL with its extension pgvector: embeddings beside whatever else a database knows of images.</summary>
internal sealed class PostgresSearch : IDisposable
{
    private const int RowsAtATime = 1000;

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlConnection _connection;

    /// <param name="connection">How to reach the database: <c>Host=localhost;Username=me;Database=photos</c>.</param>
    public PostgresSearch(string connection)
    {
        NpgsqlDataSourceBuilder builder = new(connection);
        builder.UseVector();
        _source = builder.Build();
        _connection = _source.OpenConnection();
        Run("create extension if not exists vector");
        _connection.ReloadTypes();                                            // those of the extension
    }

    /// <summary>Puts embeddings into the table <c>himo_images</c>, in the place of what it had: all of them or, where it fails, none.
    /// </summary>
    /// <param name="rows">Images with their embeddings.</param>
    /// <param name="dimension">d, the length of an embedding.</param>
    /// <returns>How many.</returns>
    public long Load(IEnumerable<(string Image, float[] Embedding)> rows, int dimension)
    {
        using NpgsqlTransaction transaction = _connection.BeginTransaction();
        Run($"drop table if exists himo_images; create table himo_images (image text not null, embedding vector({dimension}) not null)");
        using NpgsqlCommand insert = new("insert into himo_images select unnest($1::text[]), unnest($2::vector[])", _connection);
        long count = 0;
        foreach ((string Image, float[] Embedding)[] some in rows.Chunk(RowsAtATime))
        {
            insert.Parameters.Clear();
            insert.Parameters.Add(new() { Value = some.Select(row => row.Image).ToArray() });
            insert.Parameters.Add(new() { Value = some.Select(row => new Vector(row.Embedding)).ToArray() });
            count += insert.ExecuteNonQuery();
        }

        transaction.Commit();
        return count;
    }

    /// <summary>Builds an index (HNSW): searches find almost the best, in a fraction of the time.</summary>
    public void Index() => Run("create index on himo_images using hnsw (embedding vector_ip_ops)");

    /// <summary>The k images that are most like a query, the best first.</summary>
    /// <param name="query">d numbers of length 1.</param>
    /// <param name="k">How many.</param>
    public IReadOnlyList<(string Image, float Cosine)> Find(float[] query, int k)
    {
        // <#> is the negative inner product, which an index sorts by.
        using NpgsqlCommand command = new(
            "select image, embedding <#> $1 as distance from himo_images order by distance limit $2", _connection)
        {
            Parameters = { new() { Value = new Vector(query) }, new() { Value = k } },
        };
        using NpgsqlDataReader reader = command.ExecuteReader();
        List<(string, float)> found = [];
        while (reader.Read())
        {
            found.Add((reader.GetString(0), -(float)reader.GetDouble(1)));
        }

        return found;
    }

    public void Dispose()
    {
        _connection.Dispose();
        _source.Dispose();
    }

    private void Run(string sql)
    {
        using NpgsqlCommand command = new(sql, _connection) { CommandTimeout = 0 };
        command.ExecuteNonQuery();
    }
}
