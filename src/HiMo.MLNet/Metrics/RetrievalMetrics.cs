namespace HiMo.MLNet;

/// <summary>Recall of cross-modal retrieval by cosine similarity, in % (0 to 100).</summary>
/// <remarks>
/// <para>Image to text: an image scores at k if any of its captions is among the k texts nearest to it. Text to image: every
/// caption is a query of its own, with one right image.</para>
/// <para>Ties do not flatter: each recall is the exact expected value over all orders of equal similarities, all equally likely.
/// With g wrong candidates strictly nearer than the nearest right one, and e wrong and p right ones level with it, a query
/// scores 0 for k ≤ g, else 1 − C(e, k − g) / C(e + p, k − g). Embeddings that have collapsed to a constant so score
/// chance: k / N for N candidates with one right among them.</para>
/// </remarks>
public sealed record RetrievalMetrics
{
    /// <summary>Share of images with a caption of theirs nearest, in %. NaN without queries, as are the others.</summary>
    public required double ImageToTextRecallAt1 { get; init; }

    /// <summary>Share of images with a caption of theirs among the nearest 5, in %.</summary>
    public required double ImageToTextRecallAt5 { get; init; }

    /// <summary>Share of images with a caption of theirs among the nearest 10, in %.</summary>
    public required double ImageToTextRecallAt10 { get; init; }

    /// <summary>Share of captions with their image nearest, in %.</summary>
    public required double TextToImageRecallAt1 { get; init; }

    /// <summary>Share of captions with their image among the nearest 5, in %.</summary>
    public required double TextToImageRecallAt5 { get; init; }

    /// <summary>Share of captions with their image among the nearest 10, in %.</summary>
    public required double TextToImageRecallAt10 { get; init; }

    /// <summary>Images searched, those without a caption included.</summary>
    public required int ImageCount { get; init; }

    /// <summary>Captions searched; each is a text-to-image query.</summary>
    public required int TextCount { get; init; }

    /// <summary>Images with at least one caption: the image-to-text queries. An image without one is only a candidate.</summary>
    public required int ImageQueryCount { get; init; }
}
