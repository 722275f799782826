using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>CLIP (Radford et al. 2021, section 2.3): L = C(V, U), pictures aligned with their whole texts.</summary>
public sealed class ClipObjective : ContrastiveObjective
{
    // "Clipped to prevent scaling the logits by more than 100" (section 2.5).
    internal override double DefaultMaxLogitScale => 100;

    private protected override ObjectiveValue Loss(Tensor v, IReadOnlyList<Tensor> texts, Tensor scale, IReadOnlyList<Tensor> targets)
    {
        Tensor u = nn.functional.normalize(texts[0], dim: 1);                 // U, (N, d)
        Tensor loss = ContrastiveLoss.Compute(v, u, scale, targets[0], GradientPaths);
        return new(loss, [("global", loss)]);
    }
}
