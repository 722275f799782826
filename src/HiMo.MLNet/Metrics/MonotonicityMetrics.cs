namespace HiMo.MLNet;

/// <summary>Semantic monotonicity, HiMo@K: does an image get closer to its caption as the caption says more?</summary>
/// <remarks>
/// A caption is cut into K contiguous groups of sentences; s_k is the cosine of the image and the first k groups together.
/// HiMo@2 and HiMo@3 are the share of captions with s_1 &lt; s_2 (&lt; s_3), in %: equal similarities do not count as growth, and
/// chance is 50 % and 16.7 %. HiMo@K for other K is the mean Pearson correlation of (1, …, K) with (s_1, …, s_K), from −1 to 1,
/// where a caption whose similarities are all equal counts 0.
/// </remarks>
public sealed record MonotonicityMetrics
{
    /// <summary>The number of groups, or <see langword="null"/> where every caption brought its own (HiMo-Docci).</summary>
    public required int? K { get; init; }

    /// <summary>HiMo@2 and HiMo@3: % from 0 to 100; other K: mean correlation from −1 to 1. NaN when no caption could be scored.</summary>
    public required double Score { get; init; }

    /// <summary>Captions that the score is taken over.</summary>
    public required int ScoredCount { get; init; }

    /// <summary>Captions left out because they have fewer than K sentences.</summary>
    public required int TooShortCount { get; init; }
}
