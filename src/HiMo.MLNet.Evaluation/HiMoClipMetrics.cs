using HiMo.MLNet.Evaluation;

namespace HiMo.MLNet;

/// <summary>All that was measured of one model on one set of images and captions.</summary>
public sealed record HiMoClipMetrics
{
    internal HiMoClipMetrics()
    {
    }

    /// <summary><see cref="HiMoClipEvaluationOptions.ModelName"/>.</summary>
    public required string ModelName { get; init; }

    /// <summary>SHA-256 of the model's weights and vocabulary, in hexadecimal.</summary>
    public required string WeightsHash { get; init; }

    /// <summary><see cref="HiMoClipEvaluationOptions.DataName"/>.</summary>
    public required string DataName { get; init; }

    /// <summary>The format of the data set (see <c>mlContext.Data.LoadFromImageCaptions</c>), or null for a data view.</summary>
    public string? Format { get; init; }

    /// <summary>Different images that were embedded; 0 when none of them is there.</summary>
    public required int ImageCount { get; init; }

    /// <summary>Images left out because they are missing or unreadable.</summary>
    public int UnreadableCount { get; init; }

    /// <summary>The captions, HiMo-Docci's whole texts among them.</summary>
    public required CaptionStatistics Captions { get; init; }

    /// <summary>Recall both ways; null for class folders and COLA, and when no image is there.</summary>
    public RetrievalMetrics? Retrieval { get; init; }

    /// <summary>HiMo@K for every K asked for, or one entry for HiMo-Docci; empty where it does not apply.</summary>
    public IReadOnlyList<MonotonicityMetrics> Monotonicity { get; init; } = [];

    /// <summary>COLA-multi; null for other data.</summary>
    public ColaMetrics? Cola { get; init; }

    /// <summary>Zero-shot classification of class folders; null for other data.</summary>
    public ZeroShotMetrics? ZeroShot { get; init; }

    /// <summary>What a reader of the figures should know: what was left out, what the cache lost.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    internal EvaluationDetails? Details { get; init; }
}
