using System.Data;
using DuckDB.NET.Data;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>What DuckDB makes of a folder of Parquet files that <c>himo embed</c> wrote.</summary>
internal static class EmbeddedTable
{
    /// <summary>Rows, and different images; none where there is no file yet.</summary>
    public static (long Rows, long Images) Count(string folder) =>
        !Directory.Exists(folder) || !Directory.EnumerateFiles(folder, "*.parquet").Any() ? (0, 0)
        : Query("select count(*), count(distinct image) from rows", folder, row => (row.GetInt64(0), row.GetInt64(1))).Single();

    /// <param name="sql">Of the table <c>rows</c>.</param>
    /// <param name="folder">Where the files are.</param>
    /// <param name="read">Reads a row.</param>
    public static T[] Query<T>(string sql, string folder, Func<IDataRecord, T> read)
    {
        using DuckDBConnection connection = new("DataSource=:memory:");
        connection.Open();
        using DuckDBCommand command = connection.CreateCommand();
        command.CommandText = $"set threads = 1; create view rows as from read_parquet('{folder}/*.parquet'); {sql}";
        using DuckDBDataReader reader = command.ExecuteReader();
        List<T> rows = [];
        while (reader.Read())
        {
            rows.Add(read(reader));
        }

        return [.. rows];
    }
}
