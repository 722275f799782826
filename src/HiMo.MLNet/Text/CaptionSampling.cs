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

    /// <summary>
    /// The caption up to its first period before a blank, without it, as Long-CLIP's published code cuts: "A cat sits" of
    /// "A cat sits. It sleeps.", the whole caption where there is none, and "Mr" of "Mr. Smith": <see cref="FirstSentence"/> knows better.
    /// </summary>
    UpToFirstPeriod,
}
