namespace HiMo.MLNet.Metrics;

/// <summary>HiMo@K over the similarities of images with the growing texts of their captions (<see cref="GrowingText"/>).</summary>
internal static class SemanticMonotonicity
{
    /// <summary>Share of captions with s_1 &lt; s_2, in %. A caption with fewer than two similarities is counted as too short.</summary>
    public static MonotonicityMetrics HiMoAt2(IEnumerable<float[]> similarities) => Evaluate(similarities, 2, Grows);

    /// <summary>Share of captions with s_1 &lt; s_2 &lt; s_3, in %. A caption with fewer than three similarities is counted as too
    /// short.</summary>
    public static MonotonicityMetrics HiMoAt3(IEnumerable<float[]> similarities) => Evaluate(similarities, 3, Grows);

    /// <summary>Mean Pearson correlation of (1, …, K) with the similarities; zero variance counts 0.</summary>
    /// <param name="similarities">For each caption its K similarities, fewer if it is too short.</param>
    /// <param name="k">
    /// The number of groups, at least 2; <see langword="null"/> when every caption brings its own: then one similarity has zero
    /// variance, and only a caption without any is too short.
    /// </param>
    public static MonotonicityMetrics HiMoAtK(IEnumerable<float[]> similarities, int? k)
    {
        if (k is int groups)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(groups, 2, nameof(k));
        }

        return Evaluate(similarities, k, Correlation);
    }

    private static MonotonicityMetrics Evaluate(IEnumerable<float[]> similarities, int? k, Func<float[], double> score)
    {
        ArgumentNullException.ThrowIfNull(similarities);
        double sum = 0;
        int scored = 0, tooShort = 0;
        foreach (float[] growing in similarities)
        {
            int caption = scored + tooShort;
            if (growing.Length > k)
            {
                throw new ArgumentException($"Caption {caption}: expected {k} similarities, found {growing.Length}.", nameof(similarities));
            }

            if (Array.FindIndex(growing, s => !float.IsFinite(s)) is var bad and >= 0)
            {
                throw new ArgumentException($"Caption {caption}: expected finite similarities, found {growing[bad]} at place {bad}.",
                    nameof(similarities));
            }

            if (growing.Length < (k ?? 1))
            {
                tooShort++;
                continue;
            }

            sum += score(growing);
            scored++;
        }

        return new MonotonicityMetrics { K = k, Score = sum / scored, ScoredCount = scored, TooShortCount = tooShort };
    }

    private static double Grows(float[] similarities)
    {
        for (int i = 1; i < similarities.Length; i++)
        {
            if (!(similarities[i] > similarities[i - 1]))
            {
                return 0;
            }
        }

        return 100;
    }

    private static double Correlation(float[] similarities)
    {
        // Differences from the first value are exactly zero when all are equal; differences from a rounded mean need not be.
        int count = similarities.Length;
        double mean = similarities.Average(s => (double)s - similarities[0]);
        double covariance = 0, variance = 0, indexVariance = 0;
        for (int i = 0; i < count; i++)
        {
            double index = i - ((count - 1) / 2.0);
            double deviation = (double)similarities[i] - similarities[0] - mean;
            covariance += index * deviation;
            variance += deviation * deviation;
            indexVariance += index * index;
        }

        return variance == 0 ? 0 : Math.Clamp(covariance / Math.Sqrt(variance * indexVariance), -1, 1);
    }
}
