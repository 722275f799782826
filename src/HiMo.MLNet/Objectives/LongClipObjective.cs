using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// Long-CLIP (Zhang et al. 2024, section 3.3, primary component matching): L = C(V, U) + C(V′, U_short), where V′ is V
/// rebuilt from its first k principal components in the batch and U_short embeds the captions' first sentences, which the
/// published code takes with <c>caption.split(". ")[0]</c>: <see cref="CaptionSampling.UpToFirstPeriod"/>.
/// </summary>
public sealed class LongClipObjective : ContrastiveObjective
{
    /// <summary>k, the principal components of the images that stand for the short captions, at least 1. Default: 32, as
    /// published.</summary>
    public int ImageComponents { get; init; } = 32;

    internal override void Validate()
    {
        base.Validate();
        Require(ImageComponents >= 1, ImageComponents, "at least 1");
    }

    /// <inheritdoc/>
    protected internal override ObjectiveNeeds Needs { get; } = new() { FurtherCaptions = [CaptionSampling.UpToFirstPeriod] };

    /// <inheritdoc/>
    protected override ObjectiveValue Loss(EmbeddedBatch batch)
    {
        (Tensor coarse, _) = PrincipalComponents.Keep(batch.Images, variance => ImageComponents);   // V′, (N, d)
        Tensor whole = Contrast(batch.Images, batch.Texts[0], batch.Scale, batch.Targets[0]);
        Tensor first = Contrast(coarse, batch.Texts[1], batch.Scale, batch.Targets[1]);
        return new(whole.Plus(first), [("long", whole), ("short", first)]);
    }
}
