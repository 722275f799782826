using System.Globalization;
using HiMo.MLNet.Tests.Training;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Kills one rank of a training by MPI at random moments and resumes it; see <see cref="RankKillHarness"/>.</summary>
internal static class RankKillsBenchmark
{
    /// <returns>Whether every kill ended all ranks within 30 s, and the training ended with the weights of one that was not killed.</returns>
    public static bool Run(int kills, int seed)
    {
        bool whole = true;
        foreach ((string launcher, int ranks, int count) in ((string, int, int)[])[(MpiRun.OpenMpi, 2, (kills + 1) / 2), (MpiRun.Mpich, 2, kills / 2)])
        {
            Console.WriteLine($"{count} kills of one of {ranks} ranks, {launcher}, seed {seed}");
            var random = new Random(seed);
            using var harness = new RankKillHarness(typeof(RankKillsBenchmark).Assembly.Location, launcher, ranks, random);
            byte[] expected = harness.Undisturbed();
            for (int i = 0; i < count; i++)
            {
                // Up to a third of the training, so that there is something left to resume.
                RankKillHarness.Kill kill = harness.KillOne(random.Next(4));
                whole &= kill.Ended < TimeSpan.FromSeconds(30);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  rank {kill.Rank} after {(kill.Step == 0 ? "its start" : $"step {kill.Step}")}: all ended within {kill.Ended.TotalSeconds:f1} s"));
            }

            bool same = harness.Resumed().AsSpan().SequenceEqual(expected);
            Console.WriteLine(same ? "  resumed to the same weights" : "  resumed to OTHER WEIGHTS");
            whole &= same;
        }

        return whole;
    }
}
