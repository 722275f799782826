namespace HiMo.MLNet.Metrics;

/// <summary>For each query, where its best right answer stands among all candidates.</summary>
/// <param name="Best">The best right similarity; negative infinity for a query without a right answer.</param>
/// <param name="Better">Wrong candidates strictly above it.</param>
/// <param name="TiedWrong">Wrong candidates level with it.</param>
/// <param name="TiedRight">Right candidates level with it, itself included; 0 for a query without a right answer, which does not
/// count.</param>
internal sealed record QueryRanks(float[] Best, int[] Better, int[] TiedWrong, int[] TiedRight)
{
    public int Count => Better.Length;

    public int QueryCount => TiedRight.Count(right => right > 0);

    /// <summary>The place of the best right answer, from 1, where ties are to its disadvantage; null without one.</summary>
    public int? Rank(int query) => TiedRight[query] > 0 ? Better[query] + TiedWrong[query] + 1 : null;

    /// <summary>Recall in %, the expected value over all orders of ties. NaN without queries.</summary>
    public double RecallAt(int k)
    {
        double hits = 0;
        for (int i = 0; i < Count; i++)
        {
            hits += TiedRight[i] > 0 ? TiedRank.HitProbability(k, Better[i], TiedWrong[i], TiedRight[i]) : 0;
        }

        return 100 * hits / QueryCount;
    }
}
