using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Samples.Scenes;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// Fine-tuning on scenes with HiMo-CLIP's objective, here and in PyTorch by the original's way of computing (tests/regenerate/curves.py):
/// the same weights, the same batches in the same order, the losses step by step.
/// </summary>
internal static class CurvesBenchmark
{
    private const int Pairs = 4096, Batch = 128, Seed = 1001, Last = 20;
    private const double Rate = 1e-3, Decay = 1e-2;

    private sealed record Losses(double Global, double Component);

    /// <param name="checkpoint">The weights to begin with, of a vision transformer.</param>
    /// <param name="steps">How many.</param>
    /// <param name="python">An interpreter with PyTorch, NumPy and Pillow.</param>
    public static void Run(string checkpoint, int steps, string python)
    {
        string folder = Directory.CreateTempSubdirectory("himo-curves").FullName;
        try
        {
            using ContrastiveBatch pairs = Write(checkpoint, folder);
            foreach (GradientPaths paths in (GradientPaths[])[GradientPaths.LocalOnly, GradientPaths.Full])
            {
                Losses[] here = Train(checkpoint, pairs, steps, paths);
                Losses[] original = Original(python, folder, steps, paths == GradientPaths.Full ? "full" : "local");
                Show(paths, here, original);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ContrastiveBatch Write(string checkpoint, string folder)
    {
        using ClipModel model = ClipWeights.Load(checkpoint);
        ClipArchitecture architecture = model.Architecture;
        if (!architecture.IsVisionTransformer || architecture.VisionHeadWidth != architecture.TextHeadWidth)
        {
            throw new InvalidOperationException($"'{checkpoint}': expected a vision transformer with heads of one width, found {architecture}.");
        }

        using (FileStream weights = File.Create(Path.Combine(folder, "model.safetensors")))
        {
            ClipWeights.Save(model, weights);
        }

        var renderer = SceneRenderer.Load(SceneData.Drawings);
        var reader = new PlaneReader(architecture.ImageSize);
        byte[] planes = new byte[Pairs * reader.Length];
        long[] tokens = new long[Pairs * architecture.ContextLength];
        foreach ((int i, Scene scene) in Scene.Sequence(Seed, SceneSplit.Train, distinct: false).Take(Pairs).Index())
        {
            var row = new SceneRow(scene, renderer, architecture.ImageSize);
            reader.Read(new(null, Encoded: row.Image, Name: "a scene"), planes.AsSpan(i * reader.Length, reader.Length));
            ClipTokenizer.Default.Encode(row.Caption, tokens.AsSpan(i * architecture.ContextLength, architecture.ContextLength));
        }

        Tensor images = tensor(planes).view(Pairs, 3, architecture.ImageSize, architecture.ImageSize);
        Tensor texts = tensor(tokens).view(Pairs, architecture.ContextLength);
        using Tensor shape = tensor((long[])[Batch, architecture.TextHeadWidth]);
        using FileStream data = File.Create(Path.Combine(folder, "data.safetensors"));
        Safetensors.Write(data, [("images", images), ("tokens", texts), ("shape", shape)]);
        return new(images, [texts], arange(Pairs));
    }

    private static Losses[] Train(string checkpoint, ContrastiveBatch pairs, int steps, GradientPaths paths)
    {
        using ClipModel model = ClipWeights.Load(checkpoint);
        var networks = new NetworkReplica(model, null, CPU);
        var step = new ContrastiveStep([networks], new HiMoObjective { GradientPaths = paths }, null);
        using var optimizer = new AdamW(networks.Parameters.Select(p => (p.Name, p.Parameter, Rate)), Decay);
        return [.. Enumerable.Range(0, steps).Select(i =>
        {
            using DisposeScope scope = NewDisposeScope();
            int first = i * Batch % Pairs;
            Tensor Rows(Tensor all) => all.narrow(0, first, Batch);
            using var batch = new ContrastiveBatch(Rows(pairs.Images), [Rows(pairs.Tokens[0])], Rows(pairs.ImageIds));
            optimizer.ZeroGradients();
            StepResult result = step.Backward(batch);
            optimizer.Step(1);
            return new Losses(result.Parts["global"], result.Parts["component"]);
        })];
    }

    private static Losses[] Original(string python, string folder, int steps, string run)
    {
        string script = Path.Combine(Tests.Samples.BuiltProgram.Root, "tests", "regenerate", "curves.py");
        using Process process = Process.Start(new ProcessStartInfo(
            python, [script, folder, steps.ToString(CultureInfo.InvariantCulture), Rate.ToString(CultureInfo.InvariantCulture), run])
        {
            RedirectStandardOutput = true,
        })!;
        Losses[] losses = [.. process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ').Select(value => double.Parse(value, CultureInfo.InvariantCulture)).ToArray())
            .Select(values => new Losses(values[0], values[1]))];
        process.WaitForExit();
        return losses.Length == steps ? losses
            : throw new InvalidOperationException($"{python} {script} gave {losses.Length} of {steps} losses; see above.");
    }

    private static void Show(GradientPaths paths, Losses[] here, Losses[] original)
    {
        Console.WriteLine($"\n{paths}\n\n| step | global, here | original | component, here | original |\n| --- | --- | --- | --- | --- |");
        foreach (int step in ((int[])[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000]).Where(step => step <= here.Length))
        {
            Print($"{step}", here[step - 1], original[step - 1]);
        }

        Print($"mean of the last {Last}", Mean(here), Mean(original));
        double difference = here.Zip(original).Max(p => Math.Max(
            Math.Abs(p.First.Global / p.Second.Global - 1), Math.Abs(p.First.Component / p.Second.Component - 1)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\nlargest difference of a step: {difference:e1} of the loss"));
    }

    private static void Print(string step, Losses here, Losses original) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"| {step} | {here.Global:f5} | {original.Global:f5} | {here.Component:f5} | {original.Component:f5} |"));

    private static Losses Mean(Losses[] losses) => new(
        losses.TakeLast(Last).Average(l => l.Global), losses.TakeLast(Last).Average(l => l.Component));
}
