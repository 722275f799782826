using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.ML;
using TorchSharp;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Models that come and go.</summary>
internal static class LifetimeSoak
{
    private const int Threads = 8;

    public static bool LoadAndDispose(string zip, string image, int cycles)
    {
        int warmUp = Math.Max(cycles / 5, 10);
        Console.WriteLine($"{cycles} models loaded, used and disposed, after {warmUp} to warm up");
        using var self = Process.GetCurrentProcess();
        // TorchSharp counts a parameter twice, also as the tensor that it was made of, and only one of them when it goes.
        int parameters = ClipCheckpoint.Inspect(zip).Tensors.Count, loaded = 0;
        var curve = new MemoryCurve(cycles, () => torch.Tensor.TotalCount - ((long)parameters * loaded));
        for (int i = 1 - warmUp; i <= cycles; i++)
        {
            loaded++;
            var mlContext = new MLContext();
            // The engine disposes the model with itself.
            using (PredictionEngine<SoakBenchmark.Input, SoakBenchmark.Output> engine =
                mlContext.Model.CreatePredictionEngine<SoakBenchmark.Input, SoakBenchmark.Output>(mlContext.Model.Load(zip, out _)))
            {
                engine.Predict(Row(image));
            }

            curve.Done(i, self);
        }

        return curve.IsFlat();
    }

    /// <summary>A model that is disposed while eight engines predict: each prediction is right, or an <see cref="ObjectDisposedException"/>.</summary>
    public static bool DisposeInTheMidst(string zip, string image, int rounds)
    {
        Console.WriteLine($"{rounds} models disposed while engines on {Threads} threads predict");
        var ends = new ConcurrentDictionary<string, int>();
        var random = new Random(1);
        for (int round = 0; round < rounds; round++)
        {
            Round(zip, image, random.Next(200), ends);
        }

        foreach ((string end, int count) in ends.OrderBy(end => end.Key, StringComparer.Ordinal))
        {
            Console.WriteLine($"{count,9}  {end}");
        }

        return ends.Keys.All(end => end is Right or nameof(ObjectDisposedException));
    }

    private const string Right = "right predictions";

    private static void Round(string zip, string image, int afterPredictions, ConcurrentDictionary<string, int> ends)
    {
        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(zip, out _);
        PredictionEngine<SoakBenchmark.Input, SoakBenchmark.Output>[] engines = [.. Enumerable.Range(0, Threads).Select(_ =>
            mlContext.Model.CreatePredictionEngine<SoakBenchmark.Input, SoakBenchmark.Output>(model, new PredictionEngineOptions { OwnsTransformer = false }))];
        float[] expected = engines[0].Predict(Row(image)).Score;
        int predicted = 0;
        using var enough = new ManualResetEventSlim();
        Thread[] threads = [.. engines.Select(engine => new Thread(() =>
        {
            string end;
            do
            {
                end = Predict(engine, image, expected);
                ends.AddOrUpdate(end, 1, (_, count) => count + 1);
                if (end != Right || Interlocked.Increment(ref predicted) > afterPredictions)
                {
                    enough.Set();
                }
            }
            while (end == Right);
        }))];
        Array.ForEach(threads, thread => thread.Start());
        enough.Wait();
        ((IDisposable)model).Dispose();
        Array.ForEach(threads, thread => thread.Join());
        Array.ForEach(engines, engine => engine.Dispose());
    }

    private static string Predict(PredictionEngine<SoakBenchmark.Input, SoakBenchmark.Output> engine, string image, float[] expected)
    {
        try
        {
            return engine.Predict(Row(image)).Score.SequenceEqual(expected) ? Right : "WRONG predictions";
        }
        catch (Exception e)
        {
            return e.GetType().Name;
        }
    }

    private static SoakBenchmark.Input Row(string image) => new() { ImagePath = image, Caption = "Two colours. The top is red. The bottom is green." };
}
