using HiMo.MLNet.Samples.Scenes;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>A mean with its interval.</summary>
/// <param name="Mean">Over seeds and scenes.</param>
/// <param name="Low">2.5 % of the resampled means are below.</param>
/// <param name="High">2.5 % of them are above.</param>
internal readonly record struct Interval(double Mean, double Low, double High);

/// <summary>
/// Percentile bootstrap of a mean over seeds and scenes (Efron 1979): both are drawn with replacement, and every seed drawn is
/// measured on the same scenes drawn, as it was.
/// </summary>
internal static class Bootstrap
{
    private const int Resamples = 2000;

    /// <param name="values">For each seed a number for each scene, all of the same length: of a paired difference the differences.</param>
    public static Interval Of(IReadOnlyList<double[]> values)
    {
        var random = new SceneRandom(1);
        int scenes = values[0].Length;
        double[] means = new double[Resamples];
        for (int sample = 0; sample < Resamples; sample++)
        {
            double[][] seeds = [.. values.Select(_ => random.Pick(values))];
            double sum = 0;
            for (int i = 0; i < scenes; i++)
            {
                int scene = random.Next(scenes);
                foreach (double[] seed in seeds)
                {
                    sum += seed[scene];
                }
            }

            means[sample] = sum / (scenes * seeds.Length);
        }

        Array.Sort(means);
        return new(values.Average(v => v.Average()), means[(int)(0.025 * Resamples)], means[(int)(0.975 * Resamples) - 1]);
    }

    /// <summary>The interval of a − b.</summary>
    /// <param name="a">For each seed a number for each scene.</param>
    /// <param name="b">The same of what is compared with, seeds and scenes in the same order.</param>
    public static Interval OfDifference(IReadOnlyList<double[]> a, IReadOnlyList<double[]> b) =>
        Of([.. a.Select((seed, s) => seed.Select((value, i) => value - b[s][i]).ToArray())]);
}
