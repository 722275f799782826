using System.Diagnostics;
using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Time and peak memory of loading a checkpoint of ViT-B/32, from a file and from a model zip's weights.</summary>
internal static class LoadBenchmark
{
    public static void Run(string type)
    {
        string path = Path.Combine(Path.GetTempPath(), $"himo-benchmark-{type}.safetensors");
        if (!File.Exists(path))
        {
            // The writer is another process: its memory must not count.
            if (Environment.GetEnvironmentVariable("HIMO_BENCHMARK_WRITES") is null)
            {
                var start = new ProcessStartInfo(Environment.ProcessPath!, ["load", type]) { Environment = { ["HIMO_BENCHMARK_WRITES"] = "1" } };
                using Process writer = Process.Start(start)!;
                writer.WaitForExit();
            }
            else
            {
                Write(path, type == "float16" ? ScalarType.Float16 : ScalarType.Float32);
                return;
            }
        }
        using (Tensor warm = zeros(1))
        {
            _ = warm.item<float>();
        }

        long before = Memory.Peak, size = new FileInfo(path).Length;
        var clock = Stopwatch.StartNew();
        using ClipModel model = ClipWeights.Load(path);
        long weights = ClipWeights.Tensors(model).Values.Sum(t => t.numel() * t.element_size());
        Console.WriteLine($"load ViT-B/32, {type}: file {size / 1e6:f0} MB, {clock.Elapsed.TotalSeconds:f1} s, peak {(Memory.Peak - before) / 1e6:f0} MB more, "
            + $"{(double)(Memory.Peak - before) / size:f2} × the file, {(double)(Memory.Peak - before) / weights:f2} × the weights in memory");
        File.Delete(path);
    }

    private static void Write(string path, ScalarType type)
    {
        using var model = new ClipModel(ClipArchitecture.ViTB32);
        using (var generator = new Generator(1))
        {
            model.Initialize(generator);
        }

        foreach (string name in ClipWeights.Tensors(model).Keys)
        {
            model.StoredTypes[name] = type;
        }

        using FileStream file = File.Create(path);
        ClipWeights.Save(model, file);
    }
}
