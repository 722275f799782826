using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using HiMo.MLNet.Metrics;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// A search among many images, beside what reading their embeddings once costs on all cores; its zip; and the ranks of images and
/// captions, beside the bare product of their embeddings in torch.
/// </summary>
internal static class SearchBenchmark
{
    private const int Dimension = 512, Rounds = 5;

    private sealed class Image
    {
        public string ImagePath { get; set; } = "";

        [VectorType(Dimension)]
        public float[] ImageEmbedding { get; set; } = [];
    }

    /// <param name="images">Images to search.</param>
    public static void Search(int images)
    {
        double bytes = images * (double)Dimension * sizeof(float);
        Console.WriteLine($"{images} images of d = {Dimension}, {bytes / 1e6:f0} MB, {Environment.ProcessorCount} threads");
        var mlContext = new MLContext(1);
        IDataView data = mlContext.Data.LoadFromEnumerable(Images(images));
        long before = Memory.Peak;
        var clock = Stopwatch.StartNew();
        HiMoClipImageSearchTransformer search = mlContext.Transforms.HiMoClipImageSearch(10).Fit(data);
        Console.WriteLine($"Fit: {clock.Elapsed.TotalSeconds:f1} s, peak {(Memory.Peak - before) / bytes:f2} × the embeddings");
        Print("reading them once, all threads", Seconds(() => Read(search)), 1);
        foreach (int queries in (int[])[1, 2, 32, 64])
        {
            IDataView rows = mlContext.Data.LoadFromEnumerable(Images(queries).ToArray());
            Print($"{queries} queries", Seconds(() => search.Transform(rows).GetColumn<float[]>("SearchScores").Count()), queries);
        }

        string zip = Path.Combine(Path.GetTempPath(), $"himo-benchmark-{Environment.ProcessId}.zip");
        clock.Restart();
        mlContext.Model.Save(search, data.Schema, zip);
        Console.WriteLine($"save: {clock.Elapsed.TotalSeconds:f1} s, {new FileInfo(zip).Length / bytes:f2} × the embeddings");
        search = null!;
        GC.Collect();
        clock.Restart();
        search = (HiMoClipImageSearchTransformer)mlContext.Model.Load(zip, out _);
        Console.WriteLine($"load: {clock.Elapsed.TotalSeconds:f1} s, {search.Count} images; peak of all {(Memory.Peak - before) / bytes:f2} × the embeddings");
        File.Delete(zip);
    }

    /// <param name="images">Images, each with as many captions as there are.</param>
    /// <param name="texts">Captions.</param>
    public static void Ranks(int images, int texts)
    {
        EmbeddingMatrix left = Matrix(images, 1), right = Matrix(texts, 2);
        int[] imageOfText = [.. Enumerable.Range(0, texts).Select(text => text % images)];
        Console.WriteLine($"ranks of {images} images and {texts} captions, d = {Dimension}, {Environment.ProcessorCount} threads");
        for (int round = 0; round < 3; round++)
        {
            var clock = Stopwatch.StartNew();
            Retrieval.Evaluate(left, right, imageOfText);
            double own = clock.Elapsed.TotalSeconds;
            clock.Restart();
            Product(left, right);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"ranks {own:f1} s, product in torch {clock.Elapsed.TotalSeconds:f1} s: {own / clock.Elapsed.TotalSeconds:f2} times"));
        }
    }

    private static void Product(EmbeddingMatrix left, EmbeddingMatrix right)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor texts = tensor(right.Rows(0, right.Count).ToArray(), [right.Count, Dimension]).t();
        const int rows = 1000;
        for (int first = 0; first < left.Count; first += rows)
        {
            int count = Math.Min(rows, left.Count - first);
            using Tensor images = tensor(left.Rows(first, count).ToArray(), [count, Dimension]);
            using Tensor similarities = images.mm(texts);
        }
    }

    private static IEnumerable<Image> Images(int count)
    {
        uint state = 1;
        for (int i = 0; i < count; i++)
        {
            float[] values = new float[Dimension];
            Fill(values, ref state);
            yield return new() { ImagePath = $"images/{i:d8}.jpg", ImageEmbedding = values };
        }
    }

    private static EmbeddingMatrix Matrix(int count, uint seed)
    {
        float[] values = new float[count * Dimension];
        Fill(values, ref seed);
        return new EmbeddingMatrix(values, Dimension).Normalize();
    }

    private static void Fill(float[] values, ref uint state)
    {
        for (int i = 0; i < values.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            values[i] = (state / (float)uint.MaxValue) - 0.5f;
        }
    }

    private static void Read(HiMoClipImageSearchTransformer search) => ParallelLoop.For(search.Images.Blocks.Count, block =>
    {
        EmbeddingMatrix rows = search.Images.Blocks[block];
        ReadOnlySpan<Vector<float>> values = MemoryMarshal.Cast<float, Vector<float>>(rows.Rows(0, rows.Count));
        Vector<float> a = default, b = default, c = default, d = default;
        for (int i = 0; i + 3 < values.Length; i += 4)
        {
            a += values[i];
            b += values[i + 1];
            c += values[i + 2];
            d += values[i + 3];
        }

        GC.KeepAlive(Vector.Sum(a + b + c + d));
    });

    private static double[] Seconds(Action work)
    {
        work();
        return [.. Enumerable.Range(0, Rounds).Select(_ =>
        {
            var clock = Stopwatch.StartNew();
            work();
            return clock.Elapsed.TotalSeconds;
        }).Order()];
    }

    private static void Print(string work, double[] seconds, int items) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{work,-32} {seconds[0] * 1e3,7:f0} {seconds[Rounds / 2] * 1e3,7:f0} {seconds[^1] * 1e3,7:f0} ms, {seconds[Rounds / 2] / items * 1e3:f1} ms each"));
}
