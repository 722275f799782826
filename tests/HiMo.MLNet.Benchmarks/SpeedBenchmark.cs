using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using HiMo.MLNet.Images;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// The two towers of ViT-B/16 (random weights) on torch, as this library runs them, and on ONNX Runtime, on the graphs that it exports:
/// one process, the same threads, rounds of each in turn, so that what else the machine does strikes all alike.
/// </summary>
internal static class SpeedBenchmark
{
    private const int Rounds = 5;

    // ONNX Runtime's threads spin for a while after their work, and would take a core from whichever engine comes next.
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(0.25);

    private sealed record Engine(string Name, Func<float[]> Run);

    private sealed record Row(string Work, string Engine, double Minimum, double Median, double Maximum, double ItemsPerSecond, double ToOnnxRuntime, double Difference);

    /// <param name="json">A file for the figures, or null.</param>
    public static void Run(string? json)
    {
        int threads = Environment.ProcessorCount;
        set_num_threads(threads);
        string folder = Directory.CreateTempSubdirectory("himo-speed").FullName;
        try
        {
            using var model = new ClipModel(ClipArchitecture.ViTB16);
            using (var generator = new Generator(1))
            {
                model.Initialize(generator);
            }

            model.eval();
            OnnxExport.Save(model, folder, OnnxPrecision.Float32);
            OnnxExport.Save(model, folder, OnnxPrecision.Int8);
            Console.WriteLine($"ViT-B/16, {threads} threads, TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, "
                + $"ONNX Runtime {OrtEnv.Instance().GetVersionString()}; {Rounds} rounds, seconds for a batch");
            List<Row> rows = [];
            using var ours = new OnnxEngines(folder);
            using (var vision = new OnnxPair(folder, OnnxExport.VisionFile, threads))
            {
                foreach (int batch in (int[])[1, 8, 32])
                {
                    rows.AddRange(Images(model, vision, ours, batch));
                }
            }

            using (var text = new OnnxPair(folder, OnnxExport.TextFile, threads))
            {
                foreach ((int batch, int length) in ((int, int)[])[(8, 12), (8, 60), (8, 180), (32, 12), (32, 180)])
                {
                    rows.AddRange(Texts(model, text, ours, batch, length));
                }
            }

            if (json is not null)
            {
                File.WriteAllText(json, JsonSerializer.Serialize(rows, JsonSerializerOptions.Web));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Row[] Images(ClipModel model, OnnxPair onnx, OnnxEngines ours, int batch)
    {
        int size = model.Architecture.ImageSize;
        byte[] planes = new byte[batch * 3 * size * size];
        new Random(batch).NextBytes(planes);
        float[] pixels = [.. planes.Select((value, i) =>                      // what ours makes of the bytes is in its time
            ((value / 255f) - ClipPreprocessor.Mean[i / (size * size) % 3]) / ClipPreprocessor.Std[i / (size * size) % 3])];

        long[] shape = [batch, 3, size, size];
        using Tensor images = tensor(pixels, shape).DetachFromDisposeScope();
        return Measure($"images, batch {batch}", batch,
            new("torch", () => Embed(() => model.EncodeImage(images))),
            new("ONNX Runtime float32", () => onnx.Run(onnx.Single, "pixel_values", pixels, shape)),
            new("ours on it, float32", () => ours.Single.EmbedPlanes(planes, batch)),
            new("ONNX Runtime int8", () => onnx.Run(onnx.Int8, "pixel_values", pixels, shape)),
            new("ours on it, int8", () => ours.Int8.EmbedPlanes(planes, batch)));
    }

    private static Row[] Texts(ClipModel model, OnnxPair onnx, OnnxEngines ours, int batch, int length)
    {
        var random = new Random(length);
        long[] ids = new long[batch * length];
        for (int i = 0; i < ids.Length; i++)
        {
            ids[i] = i % length == 0 ? 49_406 : i % length == length - 1 ? 49_407 : random.Next(1, 49_000);
        }

        long[] shape = [batch, length];
        using Tensor tokens = tensor(ids, shape).DetachFromDisposeScope();
        return Measure($"texts of {length} tokens, batch {batch}", batch,
            new("torch", () => Embed(() => model.EncodeText(tokens))),
            new("ONNX Runtime float32", () => onnx.Run(onnx.Single, "input_ids", ids, shape)),
            new("ours on it, float32", () => ours.Single.EmbedTokens(ids, batch, length)),
            new("ONNX Runtime int8", () => onnx.Run(onnx.Int8, "input_ids", ids, shape)),
            new("ours on it, int8", () => ours.Int8.EmbedTokens(ids, batch, length)));
    }

    private static float[] Embed(Func<Tensor> encode)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        return encode().data<float>().ToArray();
    }

    // Ours come so already.
    private static float[] Normalized(float[] embeddings, int rows) => [.. embeddings.Chunk(embeddings.Length / rows).SelectMany(row =>
    {
        float norm = TensorPrimitives.Norm<float>(row);
        return row.Select(value => value / norm);
    })];

    private static Row[] Measure(string work, int items, params Engine[] engines)
    {
        float[][] first = [.. engines.Select(engine => Normalized(engine.Run(), items))];   // warms up, and shows that they agree
        double[][] seconds = [.. engines.Select(_ => new double[Rounds])];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < engines.Length; i++)
            {
                Thread.Sleep(s_pause);
                var clock = Stopwatch.StartNew();
                engines[i].Run();
                seconds[i][round] = clock.Elapsed.TotalSeconds;
            }
        }

        double[] medians = [.. seconds.Select(s => s.Order().ElementAt(Rounds / 2))];
        Row[] rows = [.. engines.Select((engine, i) => new Row(work, engine.Name, seconds[i].Min(), medians[i], seconds[i].Max(), items / medians[i],
            medians[1] / medians[i], first[0].Zip(first[i], (a, b) => Math.Abs(a - b)).Max() / first[0].Max(Math.Abs)))];
        foreach (Row row in rows)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Work,-32} {row.Engine,-22} {row.Minimum,7:f3} {row.Median,7:f3} {row.Maximum,7:f3}  {row.ItemsPerSecond,7:f2}/s  {row.ToOnnxRuntime,5:f2} × ONNX Runtime  differs {row.Difference:g2}"));
        }

        return rows;
    }

    /// <summary>This library's engine over the same graphs, with ONNX Runtime's own number of threads.</summary>
    private sealed class OnnxEngines(string folder) : IDisposable
    {
        public OnnxNetwork Single { get; } = Load(folder, OnnxPrecision.Float32);

        public OnnxNetwork Int8 { get; } = Load(folder, OnnxPrecision.Int8);

        private static OnnxNetwork Load(string folder, OnnxPrecision precision) =>
            OnnxNetwork.Load(OnnxFiles.Find(Path.Combine(folder, OnnxExport.VisionFile(precision)))!, new(null, FallbackToCpu: true));

        public void Dispose()
        {
            Single.Dispose();
            Int8.Dispose();
        }
    }

    /// <summary>A tower's graph in both precisions.</summary>
    private sealed class OnnxPair(string folder, Func<OnnxPrecision, string> file, int threads) : IDisposable
    {
        private readonly RunOptions _options = new();

        public InferenceSession Single { get; } = Open(folder, file(OnnxPrecision.Float32), threads);

        public InferenceSession Int8 { get; } = Open(folder, file(OnnxPrecision.Int8), threads);

        private static InferenceSession Open(string folder, string file, int threads)
        {
            using var options = new SessionOptions { IntraOpNumThreads = threads, GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_ALL };
            return new(Path.Combine(folder, file), options);
        }

        public float[] Run<T>(InferenceSession session, string input, T[] values, long[] shape)
            where T : unmanaged
        {
            using var value = OrtValue.CreateTensorValueFromMemory(values, shape);
            using IDisposableReadOnlyCollection<OrtValue> results = session.Run(_options, [input], [value], session.OutputNames);
            return results[0].GetTensorDataAsSpan<float>().ToArray();
        }

        public void Dispose()
        {
            Single.Dispose();
            Int8.Dispose();
            _options.Dispose();
        }
    }
}
