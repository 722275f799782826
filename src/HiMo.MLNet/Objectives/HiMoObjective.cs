using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// HiMo-CLIP (section 3.3, MoLo, the monotonicity-aware loss): L = C(V, U) + λ · C(V, U′), pictures aligned with the whole
/// text and with its components U′ in the batch, which HiDe (section 3.2) finds: U projected on as many principal components
/// of the batch's texts as explain the share τ of their variance.
/// </summary>
public sealed class HiMoObjective : ContrastiveObjective
{
    /// <summary>τ, the share of the batch's text variance that HiDe keeps, in (0, 1]. Default: 0.9, as published.</summary>
    public double VarianceRatio { get; init; } = 0.9;

    /// <summary>λ, the weight of the component loss, at least 0. Default: 1, as published.</summary>
    public double ComponentWeight { get; init; } = 1;

    internal override void Validate()
    {
        base.Validate();
        Require(VarianceRatio is > 0 and <= 1, nameof(VarianceRatio), VarianceRatio, "in (0, 1]");
        Require(ComponentWeight >= 0 && double.IsFinite(ComponentWeight), nameof(ComponentWeight), ComponentWeight, "at least 0");
    }

    private protected override ObjectiveValue Loss(Tensor v, IReadOnlyList<Tensor> texts, Tensor scale, IReadOnlyList<Tensor> targets)
    {
        Tensor u = nn.functional.normalize(texts[0], dim: 1);                 // U, (N, d)
        Tensor global = ContrastiveLoss.Compute(v, u, scale, targets[0], GradientPaths);
        (Tensor components, int count) = HiDe.Decompose(u, VarianceRatio);    // U′, (N, d)
        Tensor component = ContrastiveLoss.Compute(v, components, scale, targets[0], GradientPaths);
        return new(global.Plus(component.Times(ComponentWeight)), [("global", global), ("component", component)], count);
    }
}
