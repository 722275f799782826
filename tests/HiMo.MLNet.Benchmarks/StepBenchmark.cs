using System.Diagnostics;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Training;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Time and peak memory of a HiMo-CLIP step over a batch, at one micro-batch size.</summary>
internal static class StepBenchmark
{
    public static void Run(int batch, int microBatch)
    {
        random.manual_seed(1);
        var architecture = new ClipArchitecture(256, 64, [4], 256, 8, 256, 4);
        using var model = new ClipModel(architecture);
        using (var generator = new Generator(1))
        {
            model.Initialize(generator);
        }

        using Tensor images = randint(0, 256, [batch, 3, 64, 64], dtype: ScalarType.Byte), tokens = randint(1, 40_000, [batch, 64], dtype: ScalarType.Int64);
        var step = new ContrastiveStep([new(model, null, CPU)], new HiMoObjective(), microBatch);
        using var pairs = new ContrastiveBatch(images, [tokens], arange(batch));
        long before = Memory.Peak;
        step.Backward(pairs);
        var clock = Stopwatch.StartNew();
        const int steps = 3;
        for (int i = 0; i < steps; i++)
        {
            step.Backward(pairs);
        }

        Console.WriteLine($"step of {batch}, micro-batch {microBatch}: {clock.Elapsed.TotalSeconds / steps:f2} s, peak {(Memory.Peak - before) / 1e6:f0} MB more");
    }
}
