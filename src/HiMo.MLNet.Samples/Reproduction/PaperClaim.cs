namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>One of the paper's claims as a difference that is above 0 if it holds.</summary>
/// <param name="Text">What the paper says.</param>
/// <param name="Paper">Its figures.</param>
/// <param name="More">The variant that should have more.</param>
/// <param name="Less">The one that should have less.</param>
/// <param name="Measure">Of what: see <see cref="SceneMeasures"/>.</param>
internal sealed record PaperClaim(string Text, string Paper, string More, string Less, string Measure)
{
    public static readonly PaperClaim[] All =
    [
        new("Both losses are more monotone than the global one alone.", "HiMo@K 0.88 and 0.69", "HiMo-CLIP", "CLIP", "HiMo@K"),
        new("So is the component loss alone.", "HiMo@K 0.84 and 0.69", "component only", "CLIP", "HiMo@K"),
        new("Both losses are more monotone than the component loss alone.", "HiMo@K 0.88 and 0.84", "HiMo-CLIP", "component only",
            "HiMo@K"),
        new("Long-CLIP loses monotonicity.", "HiMo@K −0.55; CLIP, not fine-tuned, 0.43", PaperReproduction.Pretrained, "Long-CLIP",
            "HiMo@K"),
        new("HiMo-CLIP is more monotone than Long-CLIP.", "HiMo@K 0.88 and −0.55", "HiMo-CLIP", "Long-CLIP", "HiMo@K"),
        new("Images find their long texts more often than with Long-CLIP.", "Urban1k 93.0 and 82.7", "HiMo-CLIP", "Long-CLIP",
            "long, image to text"),
        new("Long texts find their images more often than with Long-CLIP.", "Urban1k 93.1 and 86.1", "HiMo-CLIP", "Long-CLIP",
            "long, text to image"),
        new("Long texts find their images more often than with CLIP, not fine-tuned.", "Urban1k 93.1 and 52.8", "HiMo-CLIP",
            PaperReproduction.Pretrained, "long, text to image"),
        new("Short texts are not forgotten.", "Flickr30k 78.2; CLIP, not fine-tuned, 66.0", "HiMo-CLIP", PaperReproduction.Pretrained,
            "short, text to image"),
        new("Short texts find their images more often than with Long-CLIP.", "Flickr30k 78.2 and 76.7", "HiMo-CLIP", "Long-CLIP",
            "short, text to image"),
        new("Wrong details are found more often than with Long-CLIP.", "COLA 38.6 and 32.4", "HiMo-CLIP", "Long-CLIP", "true detail"),
    ];

    /// <summary>What the interval of the difference says of it.</summary>
    public static string Verdict(Interval difference) =>
        difference.Low > 0 ? "held" : difference.High < 0 ? "not held" : "cannot be told apart here";
}
