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
    /// <remarks>
    /// Works on the smaller Gram matrix: for N ≤ d the projector of Û Ûᵀ applied from the left equals P Pᵀ applied from
    /// the right. Gradients flow through the projector, whose derivative depends only on the gaps between kept and dropped
    /// eigenvalues: equal eigenvalues within either group, where the derivative of single vectors is undefined, do no harm.
    /// </remarks>
    public static (Tensor Components, int Count) Decompose(Tensor texts, double varianceRatio)
    {
        if (texts.shape is not [> 0 and var n, > 0 and var d])
            throw new ArgumentException($"HiDe takes text embeddings of shape (N, d); these are ({string.Join(", ", texts.shape)}).", nameof(texts));
        using var scope = NewDisposeScope();
        Tensor mean = texts.mean([0], keepdim: true);                         // (1, d)
        Tensor centred = texts - mean;                                        // (N, d)
        Tensor wide = centred.to(ScalarType.Float64);
        Tensor gram = n <= d ? wide.matmul(wide.t()) : wide.t().matmul(wide); // (k, k), k = min(N, d)
        (Tensor projector, int count) = Projector(gram, varianceRatio);
        projector = projector.to(texts.dtype);
        Tensor kept = n <= d ? projector.matmul(centred) : centred.matmul(projector);
        return ((kept + mean).MoveToOuterDisposeScope(), count);
    }

    // The projector on the leading eigenvectors of a positive semi-definite matrix, differentiable in it.
    private static (Tensor, int) Projector(Tensor gram, double varianceRatio)
    {
        (Tensor values, Tensor vectors) = linalg.eigh(gram.detach());         // ascending
        double[] variance = values.clamp(0).flip(0).cpu().data<double>().ToArray();
        int count = ComponentCount(variance, varianceRatio);
        long k = gram.shape[0], dropped = k - count;
        Tensor high = vectors.narrow(1, dropped, count), low = vectors.narrow(1, 0, dropped);
        Tensor projector = high.matmul(high.t());
        if (dropped == 0 || !gram.requires_grad)
            return (projector, count);

        // The first-order expansion about this gram (Daleckii and Krein): its value is the projector, since the change is
        // zero here, and its derivative is the projector's. dP = Σ (hᵀ dG l) / (λ_h − λ_l) · (h lᵀ + l hᵀ) over kept h, dropped l.
        Tensor gap = values.narrow(0, dropped, count).unsqueeze(1) - values.narrow(0, 0, dropped).unsqueeze(0);
        double floor = Math.Max(variance[0] * 1e-10, 1e-12);                  // a tie across the cut: bounded, not infinite
        Tensor change = gram - gram.detach();
        Tensor turned = high.t().matmul(change).matmul(low) * (gap / (gap * gap + floor * floor));
        Tensor half = high.matmul(turned).matmul(low.t());
        return (projector + half + half.t(), count);
    }

    /// <summary>m: the least count whose variance reaches the share, between 1 and the rank.</summary>
    /// <param name="variance">σ², descending.</param>
    /// <param name="ratio">τ.</param>
    public static int ComponentCount(ReadOnlySpan<double> variance, double ratio)
    {
        double total = 0;
        foreach (double v in variance)
            total += v;
        total = Math.Max(total, 1e-8);
        double explained = 0;
        for (int m = 0; m < variance.Length; m++)
        {
            explained += variance[m];
            // The last component that adds anything completes the rank.
            if (explained / total >= ratio || m + 1 == variance.Length || variance[m + 1] <= variance[0] * 1e-14)
                return m + 1;
        }
        return 1;
    }
}
