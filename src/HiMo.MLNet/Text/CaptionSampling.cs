namespace HiMo.MLNet;

/// <summary>Which part of an image's caption a training step sees; drawn anew for every image and step.</summary>
public enum CaptionSampling
{
    /// <summary>The whole caption.</summary>
    Whole,

    /// <summary>The caption's first sentence.</summary>
    FirstSentence,

    /// <summary>A random non-empty subset of the caption's sentences, in their order; every subset is equally likely.</summary>
    SentenceSubset,

    /// <summary>Whole caption, first sentence or sentence subset, each with the same chance.</summary>
    Mixed,
}
