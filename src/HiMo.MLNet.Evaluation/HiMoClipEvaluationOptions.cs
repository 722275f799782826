namespace HiMo.MLNet;

/// <summary>What <see cref="HiMoClipEvaluation.Evaluate(HiMoClipTransformer, string, HiMoClipEvaluationOptions?)"/> measures, and
/// how.</summary>
public sealed class HiMoClipEvaluationOptions
{
    /// <summary>What tables and reports call the model. Default: <c>model</c>.</summary>
    public string ModelName { get; set; } = "model";

    /// <summary>What tables and reports call the data. Default: null, the path of a data set or <c>data</c>.</summary>
    public string? DataName { get; set; }

    /// <summary>The K of HiMo@K, each at least 2. Default: 2 and 3, as published. HiMo-Docci brings texts of its own instead.</summary>
    public IReadOnlyList<int> K { get; set; } = [2, 3];

    /// <summary>
    /// For a folder of images for each class: what the folders are called in <see cref="Templates"/>. Folders that are not there are
    /// classes without images. Default: null, the folders' own names.
    /// </summary>
    public IReadOnlyDictionary<string, string>? ClassNames { get; set; }

    /// <summary>For class folders: texts with <c>{0}</c> in the place of the class. Default:
    /// <see cref="ClipTemplates.Plain"/>.</summary>
    public IReadOnlyList<string> Templates { get; set; } = ClipTemplates.Plain;

    /// <summary>
    /// The share of images that may be missing or unreadable, from 0 to 1; they are left out with their captions, counted and noted.
    /// Default: 0, the first one is an error.
    /// </summary>
    public double MaxUnreadableShare { get; set; }

    /// <summary>
    /// A folder that keeps embeddings from one evaluation to the next, by the content of images and texts and by the model's
    /// weights. Damaged files in it are computed again. Default: null, nothing is kept.
    /// </summary>
    public string? CacheFolder { get; set; }

    /// <summary>
    /// Whether the metrics keep the embeddings, 4 · d bytes for each image and caption, for the examples and charts of a
    /// report. Default: true.
    /// </summary>
    public bool KeepsEmbeddings { get; set; } = true;

    /// <summary>Told after every batch. Default: null.</summary>
    public IProgress<HiMoClipEvaluationProgress>? Progress { get; set; }

    /// <summary>Stops the evaluation with an <see cref="OperationCanceledException"/>; what the cache has by then stays. Default:
    /// none.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(ModelName);
        foreach (int k in K)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(k, 2, nameof(K));
        }

        if (!(MaxUnreadableShare is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(MaxUnreadableShare), MaxUnreadableShare, "Expected a share from 0 to 1.");
        }
    }
}

/// <summary>How far an evaluation is.</summary>
/// <param name="Stage">What is embedded: <c>images</c>, <c>captions</c>, <c>growing texts</c> or <c>classes</c>.</param>
/// <param name="Done">How many of them are embedded.</param>
/// <param name="Total">How many there are, or null if the data does not say.</param>
/// <param name="FromCache">How many embeddings of the whole evaluation came from
/// <see cref="HiMoClipEvaluationOptions.CacheFolder"/>.</param>
public sealed record HiMoClipEvaluationProgress(string Stage, int Done, int? Total, int FromCache);
