namespace HiMo.MLNet;

/// <summary>What <see cref="HiMoClipOptions.ValidationSet"/> is judged by after every epoch.</summary>
public enum ValidationMetric
{
    /// <summary>The mean of the objective over the validation pairs; lower is better.</summary>
    Loss,

    /// <summary>The mean of recall@1 from image to caption and from caption to image, in %; higher is better.</summary>
    RecallAt1,

    /// <summary>HiMo@3, in %; higher is better.</summary>
    HiMoAt3,
}
