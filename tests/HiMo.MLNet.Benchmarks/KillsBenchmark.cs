using System.Diagnostics;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Kills the command line at random moments, so many times in total; see <see cref="KillHarness"/>.</summary>
internal static class KillsBenchmark
{
    /// <returns>Whether nothing was lost.</returns>
    public static bool Run(int kills, int seed)
    {
        Console.WriteLine($"{kills} kills, seed {seed}");
        Console.WriteLine($"{"killed while",-14}{"kills",7}{"half a file",13}{"then finished",15}{"lost",6}");
        bool whole = true;
        foreach ((int i, string kind) in KillHarness.Kinds.Index())
        {
            var clock = Stopwatch.StartNew();
            using var harness = new KillHarness(seed + i);
            KillHarness.Result result = harness.Run(kind, (kills + i) / KillHarness.Kinds.Count);
            Console.WriteLine($"{kind,-14}{result.Kills,7}{result.Writing,13}{result.Finished,15}{result.Losses.Count,6}   {clock.Elapsed.TotalMinutes:f1} minutes");
            foreach (string loss in result.Losses)
            {
                Console.WriteLine("  " + loss);
            }

            whole &= result.Losses.Count == 0;
        }

        Console.WriteLine(whole ? "nothing was lost" : "LOST");
        return whole;
    }
}
