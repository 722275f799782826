using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Search;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// The best ten of many images in a folder of Parquet files: by DuckDB where they lie and in its memory, by PostgreSQL with pgvector, exactly and
/// with an index, and by this library's own search.
/// </summary>
internal static class EnginesBenchmark
{
    private const int RowsPerFile = 8192, Best = 10, Queries = 5;

    // Two minutes or so; a hundred thousand images would take half an hour.
    private const long MostToIndexInWebAssembly = 20_000;

    private static readonly Random s_random = new(1);

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";

        public float[] ImageEmbedding { get; set; } = [];
    }

    /// <param name="rows">Images.</param>
    /// <param name="dimension">d.</param>
    public static void Run(int rows, int dimension)
    {
        string folder = Directory.CreateTempSubdirectory("himo-engines").FullName;
        try
        {
            Print($"{rows} random images, d = {dimension}: {rows * 4.0 * dimension / 1e6:f0} MB, {Environment.ProcessorCount} threads; the best {Best}, medians of {Queries}");
            double seconds = Seconds(() => Write(folder, rows, dimension));
            Print($"Parquet: written in {seconds:f1} s, {Directory.EnumerateFiles(folder).Sum(file => new FileInfo(file).Length) / 1e6:f0} MB");
            float[][] queries = [.. Enumerable.Range(0, Queries).Select(_ => Vector(dimension))];
            using ParquetSearch parts = new(folder);
            string[][] best = [.. queries.Select(query => Names(parts.Find(query, Best)))];
            Search("DuckDB, the files in place", 0, queries, best, query => parts.Find(query, Best));
            string held = "";
            Search("DuckDB, a table in memory", Seconds(() => held = parts.Hold()), queries, best, query => parts.Find(query, Best, held));
            Own(parts, dimension, queries, best);
            Postgres(parts, dimension, queries, best);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Own(ParquetSearch parts, int dimension, float[][] queries, string[][] best)
    {
        var mlContext = new MLContext(1);
        var definition = SchemaDefinition.Create(typeof(Row));
        definition[nameof(Row.ImageEmbedding)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, dimension);
        IDataView images = mlContext.Data.LoadFromEnumerable(
            parts.Rows().Select(row => new Row { ImagePath = row.Image, ImageEmbedding = row.Embedding }), definition);
        HiMoClipImageSearchTransformer? search = null;
        double load = Seconds(() => search = mlContext.Transforms.HiMoClipImageSearch(Best).Fit(images));
        IReadOnlyList<(string, float)> Find(params float[][] some)
        {
            IDataView rows = mlContext.Data.LoadFromEnumerable(some.Select(query => new Row { ImageEmbedding = query }).ToArray(), definition);
            return [.. search!.Transform(rows).GetColumn<ReadOnlyMemory<char>[]>("SearchResults").Last().Select(name => (name.ToString(), 0f))];
        }

        Search("this library, one query", load, queries, best, query => Find(query));
        float[][] many = [.. Enumerable.Range(0, 64).Select(_ => Vector(dimension))];
        Find(many);
        Print($"{"this library, each of 64 queries",-36}{"",10}{Seconds(() => Find(many)) / many.Length * 1e3,10:f1} ms");
    }

    private static void Postgres(ParquetSearch parts, int dimension, float[][] queries, string[][] best)
    {
        string? connection = Environment.GetEnvironmentVariable("HIMO_POSTGRES");
        if (connection is null && PGliteServer.Missing is { } missing)
        {
            Print($"PostgreSQL: {missing}, or a connection string in HIMO_POSTGRES");
            return;
        }

        using PGliteServer? server = connection is null ? new() : null;
        string name = server is null ? "PostgreSQL" : "PGlite";
        using PostgresSearch search = new(connection ?? server!.Connection);
        double load = Seconds(() => search.Load(parts.Rows(), dimension));
        Search($"{name} with pgvector, exact", load, queries, best, query => search.Find(query, Best));
        if (server is null || parts.Count <= MostToIndexInWebAssembly)
        {
            Search($"{name} with pgvector, HNSW", Seconds(search.Index), queries, best, query => search.Find(query, Best));
        }
    }

    private static void Search(
        string engine, double load, float[][] queries, string[][] best, Func<float[], IReadOnlyList<(string Image, float Cosine)>> find)
    {
        find(queries[0]);
        double[] seconds = new double[queries.Length];
        int right = 0;
        foreach ((int i, float[] query) in queries.Index())
        {
            seconds[i] = Seconds(() => right += Names(find(query)).Intersect(best[i]).Count());
        }

        Print($"{engine,-36}{load,8:f1} s{seconds.Order().ElementAt(queries.Length / 2) * 1e3,10:f1} ms{right,6} of {queries.Length * Best} right");
    }

    private static string[] Names(IEnumerable<(string Image, float Cosine)> found) => [.. found.Select(image => image.Image)];

    private static void Write(string folder, int rows, int dimension)
    {
        foreach ((int part, int[] some) in Enumerable.Range(0, rows).Chunk(RowsPerFile).Index())
        {
            EmbeddingItem[] items = [.. some.Select(row => new EmbeddingItem($"images/{row:d8}.jpg", null, () => throw new NotSupportedException()))];
            using FileStream file = File.Create(Path.Combine(folder, $"part-{part:d6}-0000.parquet"));
            new EmbeddingPart(items, [.. some.Select(_ => Vector(dimension))], new string?[some.Length], null).Write(file, new("random", "", "image,embedding,error"));
        }
    }

    private static float[] Vector(int dimension)
    {
        float[] vector = new float[dimension];
        double squares = 0;
        for (int i = 0; i < dimension; i++)
        {
            // Of a normal distribution, so that every direction is as likely.
            vector[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - s_random.NextDouble())) * Math.Cos(2 * Math.PI * s_random.NextDouble()));
            squares += (double)vector[i] * vector[i];
        }

        for (int i = 0; i < dimension; i++)
        {
            vector[i] = (float)(vector[i] / Math.Sqrt(squares));
        }

        return vector;
    }

    private static double Seconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
