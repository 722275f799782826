using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>The parts of a batch's loss. Dispose with the scope of the step.</summary>
/// <param name="Total">The scalar to minimise.</param>
/// <param name="Global">C(V, U), the alignment with the whole text.</param>
/// <param name="Component">C(V, U′), the alignment with the semantic components.</param>
/// <param name="ComponentCount">m, the components that HiDe kept.</param>
internal readonly record struct ObjectiveValue(Tensor Total, Tensor Global, Tensor Component, int ComponentCount);

/// <summary>
/// MoLo, the monotonicity-aware loss of HiMo-CLIP (section 3.3): L = C(V, U) + λ · C(V, U′), pictures aligned with the
/// whole text and with its components in the batch (<see cref="HiDe"/>).
/// </summary>
/// <param name="varianceRatio">τ, in (0, 1].</param>
/// <param name="componentWeight">λ, at least 0.</param>
/// <param name="labelSmoothing">Label smoothing of the cross-entropies, in [0, 1).</param>
/// <param name="paths">Which side of every product carries a gradient.</param>
internal sealed class HiMoObjective(double varianceRatio, double componentWeight, double labelSmoothing, GradientPaths paths)
{
    /// <param name="images">(N, d), raw image embeddings.</param>
    /// <param name="texts">(N, d), raw text embeddings.</param>
    /// <param name="logitScale">ln s, a scalar.</param>
    /// <param name="tokens">(N, T), token ids of the captions.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together; the message tells them.</exception>
    public ObjectiveValue Compute(Tensor images, Tensor texts, Tensor logitScale, Tensor tokens)
    {
        // A mismatch inside the products would end the process, not throw.
        if (images.shape is not [> 0 and var n, > 0] || !texts.shape.SequenceEqual(images.shape) || tokens.shape is not [var captions, _] || captions != n)
            throw new ArgumentException(
                $"HiMo's loss takes image and text embeddings of one shape (N, d) with N captions' tokens (N, T); these are "
                + $"({string.Join(", ", images.shape)}), ({string.Join(", ", texts.shape)}) and ({string.Join(", ", tokens.shape)}).");
        Tensor v = nn.functional.normalize(images, dim: 1);                   // V, (N, d)
        Tensor u = nn.functional.normalize(texts, dim: 1);                    // U, (N, d)
        Tensor scale = logitScale.exp();
        Tensor targets = ContrastiveLoss.Targets(tokens, labelSmoothing);
        Tensor global = ContrastiveLoss.Compute(v, u, scale, targets, paths);
        (Tensor components, int count) = HiDe.Decompose(u, varianceRatio);    // U′, (N, d)
        Tensor component = ContrastiveLoss.Compute(v, components, scale, targets, paths);
        return new(global + componentWeight * component, global, component, count);
    }
}
