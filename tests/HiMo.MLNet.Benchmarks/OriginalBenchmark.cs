using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// A ViT-B/16 (random weights) here and in PyTorch, by the original's way of computing (tests/regenerate/speed.py), turn by turn with the
/// same threads: towers, image files, a training step.
/// </summary>
internal static class OriginalBenchmark
{
    private const int Rounds = 5, Files = 16;

    /// <param name="python">An interpreter with PyTorch, NumPy and Pillow.</param>
    public static void Run(string python)
    {
        string folder = Directory.CreateTempSubdirectory("himo-original").FullName;
        try
        {
            FilesBenchmark.Write(folder, Files);
            string checkpoint = Path.Combine(folder, "model.safetensors");
            using Process original = Process.Start(new ProcessStartInfo(
                python, [Path.Combine(Tests.Samples.BuiltProgram.Root, "tests", "regenerate", "speed.py"), checkpoint, folder])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            })!;
            string version = original.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{python} ended; see above.");
            int threads = Environment.ProcessorCount;
            set_num_threads(threads);
            Console.WriteLine($"ViT-B/16, {threads} threads, TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)}, "
                + $"the original on PyTorch {version}; {Rounds} rounds, medians, seconds");
            Compare(original, checkpoint, [.. Directory.GetFiles(folder, "*.jpg").Order(StringComparer.Ordinal)]);
            original.StandardInput.Close();
            original.WaitForExit();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Compare(Process original, string checkpoint, string[] paths)
    {
        using ClipModel model = ClipWeights.Load(checkpoint);
        model.eval();
        foreach (int batch in (int[])[1, 8, 32])
        {
            using Tensor images = randn(batch, 3, 224, 224);
            Measure(original, $"images {batch}", () => Embed(() => model.EncodeImage(images)));
        }

        foreach (int length in (int[])[12, 60, 180])
        {
            using Tensor tokens = Tokens(8, length);
            Measure(original, $"texts 8 {length}", () => Embed(() => model.EncodeText(tokens)));
        }

        var reader = new PlaneReader(224);
        var reduced = new PlaneReader(224, reduceJpegs: true);
        Measure(original, "files", () => Read(reader, paths));
        Measure(original, "files", () => Read(reduced, paths), " reduced");
        Step(original, model, 16, 45);
    }

    private static void Step(Process original, ClipModel model, int batch, int length)
    {
        var networks = new NetworkReplica(model, null, CPU);
        var step = new ContrastiveStep([networks], new HiMoObjective(), null);
        using var optimizer = new AdamW(networks.Parameters.Select(p => (p.Name, p.Parameter, 1e-6)), 1e-2);
        using Tensor images = randint(0, 256, [batch, 3, 224, 224], dtype: ScalarType.Byte), tokens = Tokens(batch, length);
        using var pairs = new ContrastiveBatch(images, [tokens], arange(batch));
        Measure(original, $"step {batch} {length}", () =>
        {
            optimizer.ZeroGradients();
            step.Backward(pairs);
            optimizer.Step(1);
        });
    }

    private static Tensor Tokens(int batch, int length)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = randint(1, 49_000, [batch, length], dtype: ScalarType.Int64);
        tokens[TensorIndex.Colon, 0] = 49_406L;
        tokens[TensorIndex.Colon, length - 1] = 49_407L;
        return tokens.MoveToOuterDisposeScope();
    }

    private static void Embed(Func<Tensor> encode)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        encode();
    }

    // One after the other, as Pillow: a core.
    private static void Read(PlaneReader reader, string[] paths)
    {
        byte[] planes = new byte[reader.Length];
        foreach (string path in paths)
        {
            reader.Read(new(path, null), planes);
        }
    }

    private static void Measure(Process original, string work, Action ours, string note = "")
    {
        double Theirs()
        {
            original.StandardInput.WriteLine(work);
            return double.Parse(original.StandardOutput.ReadLine()!, CultureInfo.InvariantCulture);
        }

        double Ours()
        {
            var clock = Stopwatch.StartNew();
            ours();
            return clock.Elapsed.TotalSeconds;
        }

        _ = (Ours(), Theirs());                                               // warms up
        (double Ours, double Theirs)[] rounds = [.. Enumerable.Range(0, Rounds).Select(_ => (Ours(), Theirs()))];
        double here = rounds.Select(r => r.Ours).Order().ElementAt(Rounds / 2), there = rounds.Select(r => r.Theirs).Order().ElementAt(Rounds / 2);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{work + note,-16} {here,8:f3}  the original {there,8:f3}  {there / here,5:f2} times as fast"));
    }
}
