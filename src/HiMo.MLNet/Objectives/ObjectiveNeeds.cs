namespace HiMo.MLNet;

/// <summary>What an objective needs beside its embeddings.</summary>
public sealed record ObjectiveNeeds
{
    /// <summary>The part of a caption that a step sees where <see cref="TrainingOptions.CaptionSampling"/> does not say. Default: the
    /// whole.</summary>
    public CaptionSampling CaptionSampling { get; init; } = CaptionSampling.Whole;

    /// <summary>Further parts of the same caption, each embedded as a text of its own. Default: none.</summary>
    public IReadOnlyList<CaptionSampling> FurtherCaptions { get; init; } = [];

    /// <summary>The upper bound of s where <see cref="TrainingOptions.MaxLogitScale"/> does not say, at least 1. Default: infinite,
    /// none.</summary>
    public double MaxLogitScale { get; init; } = double.PositiveInfinity;

    /// <summary>
    /// AdamW's rate, positive, for SmartCLIP's mask network, which is trained along with the towers and not needed afterwards.
    /// Default: null, there is none.
    /// </summary>
    public double? MaskLearningRate { get; init; }

    /// <summary>All captions that are read of a pair.</summary>
    /// <param name="first">The sampling of the first.</param>
    internal IReadOnlyList<CaptionSampling> Captions(CaptionSampling first) => [first, .. FurtherCaptions];
}
