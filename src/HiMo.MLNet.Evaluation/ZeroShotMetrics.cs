namespace HiMo.MLNet;

/// <summary>Zero-shot classification: every image is given the class whose text embedding is nearest.</summary>
/// <remarks>
/// Ties do not flatter: every figure is the exact expected value over all orders of equal similarities. With g classes nearer than
/// the right one and e level with it, an image scores (k − g) / (e + 1) in the first k, limited to 0 and 1; where t classes share
/// the first place, each is predicted with weight 1/t. Constant embeddings so score chance: k over the number of classes.
/// </remarks>
public sealed record ZeroShotMetrics
{
    /// <summary>Share of images whose class is nearest, in %. NaN without images.</summary>
    public required double Top1Accuracy { get; init; }

    /// <summary>Share of images whose class is among the nearest five, in %. NaN without images.</summary>
    public required double Top5Accuracy { get; init; }

    /// <summary>Images classified.</summary>
    public required int ImageCount { get; init; }

    /// <summary>One entry a class, in the order of the classes.</summary>
    public required IReadOnlyList<ZeroShotClassMetrics> PerClass { get; init; }
}

/// <summary>Zero-shot results of one class.</summary>
/// <param name="Name">The class.</param>
/// <param name="Count">Images of the class.</param>
/// <param name="Recall">Share of the class's images that were given it, in %. NaN for a class without images.</param>
/// <param name="Precision">Share of the images given this class that are of it, in %. NaN for a class that was never given.</param>
public sealed record ZeroShotClassMetrics(string Name, int Count, double Recall, double Precision);
