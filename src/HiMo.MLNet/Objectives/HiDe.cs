using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>
/// HiDe, hierarchical decomposition (HiMo-CLIP, section 3.2): the semantic components of a batch are the leading
/// principal components of its text embeddings, and a text's component embedding is its projection on them:
/// U′ = Û P Pᵀ + ū, where ū is the mean of U, Û = U − ū, and P the first m right singular vectors of Û, m the least count
/// that explains the share τ of the variance.
/// </summary>
internal static class HiDe
{
    /// <param name="texts">U, (N, d), normalised text embeddings of a batch.</param>
    /// <param name="varianceRatio">τ, the share of the variance to keep, in (0, 1].</param>
    /// <returns>U′, (N, d), not re-normalised, and m, the number of components kept.</returns>
    public static (Tensor Components, int Count) Decompose(Tensor texts, double varianceRatio) =>
        PrincipalComponents.Keep(texts, variance => ComponentCount(variance, varianceRatio));

    /// <summary>m: the least count whose variance reaches the share, between 1 and the rank.</summary>
    /// <param name="variance">σ², descending.</param>
    /// <param name="ratio">τ.</param>
    public static int ComponentCount(ReadOnlySpan<double> variance, double ratio)
    {
        double total = 0;
        foreach (double v in variance)
        {
            total += v;
        }

        total = Math.Max(total, 1e-8);
        double explained = 0;
        for (int m = 0; m < variance.Length; m++)
        {
            explained += variance[m];
            // The last component that adds anything completes the rank.
            if (explained / total >= ratio || m + 1 == variance.Length || variance[m + 1] <= variance[0] * 1e-14)
            {
                return m + 1;
            }
        }
        return 1;
    }
}
