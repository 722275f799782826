namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>A way to fine-tune.</summary>
/// <param name="Name">In tables and names of files.</param>
/// <param name="Create">The objective.</param>
/// <param name="BatchSize">The pairs of a batch; null for the plan's.</param>
internal sealed record Variant(string Name, Func<ContrastiveObjective> Create, int? BatchSize = null);

/// <summary>Everything that is compared; each with the published settings of its objective but for what its name says.</summary>
internal static class ReproductionVariants
{
    /// <summary>So heavy that the other term is nothing: AdamW does not see how large a loss is as a whole.</summary>
    private const double Alone = 1000;

    public static readonly Variant[] All =
    [
        new("CLIP", () => new ClipObjective()),
        new("CLIP, LocalOnly", () => new ClipObjective { GradientPaths = GradientPaths.LocalOnly }),
        new("component only", () => new HiMoObjective { ComponentWeight = Alone }),
        new("HiMo-CLIP", () => new HiMoObjective()),
        new("HiMo-CLIP, LocalOnly", () => new HiMoObjective { GradientPaths = GradientPaths.LocalOnly }),
        new("Long-CLIP", () => new LongClipObjective()),
        new("SmartCLIP", () => new SmartClipObjective()),
        .. new[] { 0.6, 0.7, 0.8, 0.85, 0.95 }.Select(tau =>
            new Variant($"HiMo-CLIP, τ = {tau}", () => new HiMoObjective { VarianceRatio = tau })),
        .. new[] { 0.5, 2 }.Select(lambda =>
            new Variant($"HiMo-CLIP, λ = {lambda}", () => new HiMoObjective { ComponentWeight = lambda })),
        .. new[] { 64, 512, 1024 }.SelectMany(batch => (Variant[])
        [
            new($"CLIP, batch {batch}", () => new ClipObjective(), batch),
            new($"HiMo-CLIP, batch {batch}", () => new HiMoObjective(), batch),
        ]),
    ];

    /// <exception cref="InvalidDataException">There is none of that name.</exception>
    public static Variant Named(string name) => All.SingleOrDefault(v => v.Name == name)
        ?? throw new InvalidDataException(
            $"plan.json: expected variants out of {string.Join("; ", All.Select(v => v.Name))}, found '{name}'.");
}
