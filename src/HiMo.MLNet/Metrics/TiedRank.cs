namespace HiMo.MLNet.Metrics;

/// <summary>Where a query's answer stands when equal similarities are ordered at random, every order as likely as another.</summary>
internal static class TiedRank
{
    /// <summary>
    /// Probability that at least one right answer is among the first <paramref name="k"/>: 1 − C(e, r) / C(e + p, r), where
    /// r = k − <paramref name="better"/> places are left for the p right and e wrong candidates that share the similarity.
    /// </summary>
    /// <param name="k">Length of the list that counts.</param>
    /// <param name="better">Wrong candidates strictly above the best right one.</param>
    /// <param name="tiedWrong">Wrong candidates level with the best right one.</param>
    /// <param name="tiedRight">Right candidates at that level, the best one included: at least 1.</param>
    public static double HitProbability(int k, int better, int tiedWrong, int tiedRight = 1)
    {
        int places = k - better;
        if (places > tiedWrong)
        {
            return 1;
        }

        double miss = 1;
        for (int i = 0; i < places; i++)
        {
            miss *= (double)(tiedWrong - i) / (tiedWrong + tiedRight - i);
        }

        return 1 - miss;
    }
}
