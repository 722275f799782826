using System.Diagnostics;
using HiMo.MLNet.Tests;
using Microsoft.ML;
using TorchSharp;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Long trainings, and two at a time.</summary>
internal static class TrainingSoak
{
    private const int ImagesAStep = 8;

    /// <summary>The images and the tokens of the batches that are read ahead, and those of the one in work.</summary>
    private const int TensorsInMotion = 8;

    private sealed class Steps(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }

    public static bool OneTraining(int steps)
    {
        int warmUp = Math.Max(steps / 5, 10);
        Console.WriteLine($"{steps} steps of one training, after {warmUp} to warm up");
        using var toys = new ToyImages();
        using var self = Process.GetCurrentProcess();
        var curve = new MemoryCurve(steps, () => torch.Tensor.TotalCount, TensorsInMotion);
        Train(toys, 1, warmUp + steps, new Steps(progress => curve.Done(progress.Step - warmUp, self))).Dispose();
        return curve.IsFlat();
    }

    /// <summary>Whether two trainings in one process give what each gives alone, bit for bit.</summary>
    public static bool TwoAtATime(int steps)
    {
        Console.WriteLine($"two trainings of {steps} steps in one process");
        using var toys = new ToyImages();
        byte[][] alone = [Weights(toys, 1, steps), Weights(toys, 2, steps)];
        byte[][] together = new byte[2][];
        Thread[] threads = [.. Enumerable.Range(0, 2).Select(i => new Thread(() => together[i] = Weights(toys, i + 1, steps)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        bool same = alone.Zip(together).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));
        Console.WriteLine(same ? "the same weights as one after the other, bit for bit" : "OTHER WEIGHTS than one after the other");
        return same;
    }

    private static HiMoClipTransformer Train(ToyImages toys, int seed, int steps, IProgress<TrainingProgress>? progress)
    {
        int stepsAnEpoch = toys.Rows.Count / ImagesAStep;
        HiMoClipOptions options = ToyImages.Options(epochs: (steps + stepsAnEpoch - 1) / stepsAnEpoch);
        (options.BatchSize, options.Progress) = (ImagesAStep, progress);
        return toys.Train(new MLContext(seed), options);
    }

    private static byte[] Weights(ToyImages toys, int seed, int steps)
    {
        string path = Path.Combine(toys.Folder, $"{Guid.NewGuid():n}.safetensors");
        using (HiMoClipTransformer model = Train(toys, seed, steps, null))
        {
            model.SaveCheckpoint(path);
        }

        return File.ReadAllBytes(path);
    }
}
