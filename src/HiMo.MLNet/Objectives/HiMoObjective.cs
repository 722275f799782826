using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// HiMo-CLIP (section 3.3, MoLo, the monotonicity-aware loss): L = C(V, U) + λ · C(V, U′), images aligned with the whole
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
        Require(VarianceRatio is > 0 and <= 1, VarianceRatio, "in (0, 1]");
        Require(ComponentWeight is >= 0 and < double.PositiveInfinity, ComponentWeight, "at least 0");
    }

    /// <inheritdoc/>
    protected override ObjectiveValue Loss(EmbeddedBatch batch)
    {
        Tensor global = Contrast(batch.Images, batch.Texts[0], batch.Scale, batch.Targets[0]);
        (Tensor components, int count) = HiDe.Decompose(batch.Texts[0], VarianceRatio);   // U′, (N, d)
        Tensor component = Contrast(batch.Images, components, batch.Scale, batch.Targets[0]);
        return new(global.Plus(component.Times(ComponentWeight)), [("global", global), ("component", component)], count);
    }
}
