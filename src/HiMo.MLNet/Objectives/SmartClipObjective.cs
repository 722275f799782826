using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// SmartCLIP (Xie et al. 2025, modular alignment): a small network reads a text and says which dimensions of the
/// image's embedding it speaks of, a mask m ∈ {0, 1}^d; an image meets a text under the text's mask, with the logits
/// z(i, j) = s · ⟨norm(v_i ⊙ m_j), u_j⟩. L = λ_align · (L_I + L_T) + λ_sparsity · mean(m), where L_I is CE over the rows of z
/// (an image under all texts' masks) and L_T over its columns (a text with its own mask and all images).
/// </summary>
/// <remarks>The mask network serves training alone: a trained model embeds without it.</remarks>
public sealed class SmartClipObjective : ContrastiveObjective
{
    /// <summary>λ_align, positive. Default: 1; 0.1 to 20 are reported as stable.</summary>
    public double AlignmentWeight { get; init; } = 1;

    /// <summary>
    /// The weight, at least 0, of the share of the d dimensions that the masks leave open, which is ‖m‖₁ / d on average over the
    /// captions: d times the λ_sparsity of the equation, so that one value means the same for every d. The paper states none that
    /// could be found; the default of 0.1 is this library's.
    /// </summary>
    public double SparsityWeight { get; init; } = 0.1;

    /// <summary>AdamW's rate for the mask network after the warm-up, positive. Default: 1e-3, as published.</summary>
    public double MaskNetworkLearningRate { get; init; } = 1e-3;

    internal override void Validate()
    {
        base.Validate();
        Require(AlignmentWeight is > 0 and < double.PositiveInfinity, AlignmentWeight, "a positive number");
        Require(SparsityWeight is >= 0 and < double.PositiveInfinity, SparsityWeight, "at least 0");
        Require(MaskNetworkLearningRate is > 0 and < double.PositiveInfinity, MaskNetworkLearningRate, "a positive number");
    }

    // The whole caption, its first sentence or a subset of its sentences, as published.
    /// <inheritdoc/>
    protected internal override ObjectiveNeeds Needs =>
        new() { CaptionSampling = CaptionSampling.Mixed, MaskLearningRate = MaskNetworkLearningRate };

    /// <inheritdoc/>
    protected override ObjectiveValue Loss(EmbeddedBatch batch)
    {
        Tensor v = batch.Images, u = batch.Texts[0], m = batch.Masks!;        // (N, d)
        Tensor Gathered(Tensor rows) => ContrastiveLoss.Gathered(rows, GradientPaths);
        Tensor images = ContrastiveLoss.CrossEntropy(Logits(v, Gathered(u), Gathered(m), batch.Scale), batch.Targets[0]);
        Tensor captions = ContrastiveLoss.CrossEntropy(Logits(Gathered(v), u, m, batch.Scale).t(), batch.Targets[0]);
        Tensor open = m.mean();
        return new(images.Plus(captions).Times(AlignmentWeight).Plus(open.Times(SparsityWeight)),
            [("image", images), ("text", captions), ("open", open)]);
    }

    // z(i, j) in two products: ⟨v_i ⊙ m_j, u_j⟩ = ⟨v_i, m_j ⊙ u_j⟩ and ‖v_i ⊙ m_j‖² = ⟨v_i², m_j²⟩.
    private static Tensor Logits(Tensor v, Tensor u, Tensor m, Tensor scale)
    {
        Tensor norm = v.Squared().matmul(m.Squared().t()).AtLeast(1e-12).sqrt();   // (N, N); an all-closed mask meets nothing
        return scale * v.matmul((m * u).t()) / norm;
    }
}
