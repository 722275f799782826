using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>
/// Rebuilds the embeddings of a batch from their leading principal components, differentiably:
/// X′ = X̂ P Pᵀ + x̄, where x̄ is the mean of X, X̂ = X − x̄, and P the first m right singular vectors of X̂.
/// </summary>
/// <remarks>
/// Works on the smaller Gram matrix: for N ≤ d the projector of X̂ X̂ᵀ applied from the left equals P Pᵀ applied from
/// the right. Gradients flow through the projector, whose derivative depends only on the gaps between kept and dropped
/// eigenvalues: equal eigenvalues within either group, where the derivative of single vectors is undefined, do no harm.
/// </remarks>
internal static class PrincipalComponents
{
    /// <param name="x">X, (N, d).</param>
    /// <param name="choose">Given the variances σ² in descending order, how many components to keep; at most the rank are.</param>
    /// <returns>X′, (N, d), and m; NaN and 0 where X is not finite.</returns>
    public static (Tensor Rebuilt, int Count) Keep(Tensor x, Func<double[], int> choose)
    {
        if (x.shape is not [> 0 and var n, > 0 and var d])
        {
            throw new ArgumentException(
                $"Principal components are of embeddings of shape (N, d); these are ({string.Join(", ", x.shape)}).", nameof(x));
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor mean = x.mean([0], keepdim: true);                             // (1, d)
        Tensor centred = x - mean;                                            // (N, d)
        Tensor wide = centred.to(ScalarType.Float64);
        Tensor gram = n <= d ? wide.matmul(wide.t()) : wide.t().matmul(wide); // (k, k), k = min(N, d)
        if (!double.IsFinite(gram.sum().item<double>()))
        {
            return (x.Times(double.NaN).MoveToOuterDisposeScope(), 0);            // the decomposition would throw; the loss shall tell
        }

        (Tensor projector, int count) = Projector(gram, choose);
        projector = projector.to(x.dtype);
        Tensor kept = n <= d ? projector.matmul(centred) : centred.matmul(projector);
        return (kept.Plus(mean).MoveToOuterDisposeScope(), count);
    }

    // The projector on the leading eigenvectors of a positive semi-definite matrix, differentiable in it.
    private static (Tensor, int) Projector(Tensor gram, Func<double[], int> choose)
    {
        (Tensor values, Tensor vectors) = linalg.eigh(gram.detach());         // ascending
        double[] variance = values.AtLeast(0).flip(0).cpu().data<double>().ToArray();
        int count = Math.Min(choose(variance), Rank(variance));
        long k = gram.shape[0], dropped = k - count;
        Tensor high = vectors.narrow(1, dropped, count), low = vectors.narrow(1, 0, dropped);
        Tensor projector = high.matmul(high.t());
        if (dropped == 0 || !gram.requires_grad)
        {
            return (projector, count);
        }

        // The first-order expansion about this gram (Daleckii and Krein): its value is the projector, since the change is
        // zero here, and its derivative is the projector's. dP = Σ (hᵀ dG l) / (λ_h − λ_l) · (h lᵀ + l hᵀ) over kept h, dropped l.
        Tensor gap = values.narrow(0, dropped, count).unsqueeze(1) - values.narrow(0, 0, dropped).unsqueeze(0);
        double floor = Math.Max(variance[0] * 1e-10, 1e-12);                  // a tie across the cut: bounded, not infinite
        Tensor change = gram - gram.detach();
        Tensor turned = high.t().matmul(change).matmul(low) * (gap / (gap * gap).Plus(floor * floor));
        Tensor half = high.matmul(turned).matmul(low.t());
        return (projector.Plus(half).Plus(half.t()), count);
    }

    // At least 1, so that a batch of equal embeddings has a component too.
    private static int Rank(double[] variance) => Math.Max(1, variance.Count(v => v > variance[0] * 1e-14));
}
