using System.Diagnostics;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>
/// How a shared training scales: arithmetic over speeds that are given. What rank 0 does while the others wait can be measured here.
/// </summary>
internal static class ScalingBenchmark
{
    // ViT-L/14 with 248 positions; HiMo-CLIP's batch; multiplications and additions of a pair, forward.
    private const double Parameters = 428e6, Pairs = 1024, Dimension = 768, PairFlops = 206e9;

    // The slowest rank is waited for: a normal spread of each rank's time; and the calls of MPI in a step, each with the latency of a
    // network, for as many parameters as the two towers have tensors.
    private const double Spread = 0.03, Latency = 30e-6, Calls = 460;

    /// <summary>Time and efficiency of a step of HiMo-CLIP's own training, for 1 to 64 ranks.</summary>
    /// <param name="teraflops">What a rank's GPU sustains, in 10¹² a second.</param>
    /// <param name="gigabytes">The network's bandwidth of a rank, in 10⁹ bytes a second.</param>
    /// <param name="seconds">The objective's time on rank 0; null to measure it on this machine's CPU.</param>
    public static void Run(double teraflops, double gigabytes, double? seconds)
    {
        double objective = seconds ?? Objective(), bytes = Parameters * 4;
        // With gradient caching: forward twice, backward of twice the work.
        double compute = Pairs * PairFlops * 4 / (teraflops * 1e12);
        Console.WriteLine($"objective of {Pairs} pairs: {objective * 1000:f0} ms");
        Console.WriteLine($"{"ranks",6}{"compute s",11}{"sums s",9}{"objective s",13}{"step s",9}{"efficiency",12}");
        double alone = 0;
        var random = new Random(1);
        foreach (int ranks in (int[])[1, 2, 4, 8, 16, 32, 64])
        {
            double slowest = Enumerable.Range(0, 1000).Average(_ => Enumerable.Range(0, ranks).Max(_ => 1 + (Spread * Normal(random))));
            double mine = compute / ranks * slowest, share = (ranks - 1.0) / ranks;
            double sums = ranks == 1 ? 0 : (((2 * bytes) + (2 * 2 * Pairs * Dimension * 4)) * share / (gigabytes * 1e9)) + (Calls * Latency);
            double step = mine + sums + objective;
            alone = ranks == 1 ? step : alone;
            Console.WriteLine($"{ranks,6}{mine,11:f3}{sums,9:f3}{objective,13:f3}{step,9:f3}{alone / step / ranks,12:p0}");
        }
    }

    /// <summary>Sums as many singles over the ranks as the two towers of ViT-L/14 have parameters, in pieces; run by MPI's launcher.</summary>
    public static void Sums()
    {
        using var mpi = MpiCommunicator.Start();
        float[] values = new float[1 << 24];
        mpi.Sum(values);
        var clock = Stopwatch.StartNew();
        int pieces = (int)Math.Ceiling(Parameters / values.Length);
        for (int i = 0; i < pieces; i++)
        {
            mpi.Sum(values);
        }

        if (mpi.Rank == 0)
        {
            double bytes = 4.0 * values.Length * pieces;
            Console.WriteLine($"{mpi}: {bytes / 1e9:f2} GB summed in {clock.Elapsed.TotalSeconds:f2} s, "
                + $"{2 * bytes * (mpi.Size - 1) / mpi.Size / clock.Elapsed.TotalSeconds / 1e9:f1} GB/s sent by each rank");
        }
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static double Objective()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        var objective = new HiMoObjective();
        using var batch = new ContrastiveBatch(
            empty([(long)Pairs, 0], ScalarType.Byte), [arange((long)Pairs).view(-1, 1)], arange((long)Pairs));
        double best = double.MaxValue;
        for (int i = 0; i < 4; i++)
        {
            using TorchSharp.DisposeScope run = NewDisposeScope();
            Tensor images = randn((long)Pairs, (long)Dimension, requires_grad: true), texts = randn((long)Pairs, (long)Dimension, requires_grad: true);
            var clock = Stopwatch.StartNew();
            objective.Compute(images, [texts], zeros([]), batch).Total.backward();
            best = Math.Min(best, clock.Elapsed.TotalSeconds);
        }

        return best;
    }
}
