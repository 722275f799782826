namespace HiMo.MLNet;

/// <summary>CLIP (Radford et al. 2021, section 2.3): L = C(V, U), images aligned with their whole texts.</summary>
public sealed class ClipObjective : ContrastiveObjective
{
    // "Clipped to prevent scaling the logits by more than 100" (section 2.5).
    /// <inheritdoc/>
    protected internal override ObjectiveNeeds Needs { get; } = new() { MaxLogitScale = 100 };

    /// <inheritdoc/>
    protected override ObjectiveValue Loss(EmbeddedBatch batch)
    {
        TorchSharp.torch.Tensor loss = Contrast(batch.Images, batch.Texts[0], batch.Scale, batch.Targets[0]);
        return new(loss, [("global", loss)]);
    }
}
