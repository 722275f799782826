namespace HiMo.MLNet.Evaluation;

/// <summary>Recall@1 in %, image to text and text to image.</summary>
internal sealed record PublishedRecall(double ImageToText, double TextToImage);

/// <summary>One model's row of the published comparison; <see langword="null"/> where nothing was published.</summary>
internal sealed record PublishedResult(string Model)
{
    public PublishedRecall? Urban1k { get; init; }

    public PublishedRecall? Docci { get; init; }

    public PublishedRecall? LongDci { get; init; }

    public PublishedRecall? Flickr30k { get; init; }

    public PublishedRecall? Coco { get; init; }

    /// <summary>In %, mean over the long-caption sets.</summary>
    public double? HiMoAt2 { get; init; }

    /// <summary>In %, mean over the long-caption sets.</summary>
    public double? HiMoAt3 { get; init; }

    /// <summary>Mean correlation on HiMo-Docci.</summary>
    public double? HiMoAtK { get; init; }

    /// <summary>COLA-multi, in %.</summary>
    public double? Cola { get; init; }
}

/// <summary>Figures published with HiMo-CLIP and SmartCLIP, to print beside one's own.</summary>
internal static class PublishedResults
{
    public static IReadOnlyList<PublishedResult> All { get; } =
    [
        new("CLIP L/14")
        {
            Urban1k = new(68.7, 52.8), Docci = new(57.5, 60.7), LongDci = new(33.4, 31.3), Flickr30k = new(86.1, 66.0),
            Coco = new(56.1, 35.4),
            HiMoAt2 = 72.5, HiMoAt3 = 35.2, HiMoAtK = 0.43, Cola = 27.6,
        },
        new("Long-CLIP L/14")
        {
            Urban1k = new(82.7, 86.1), Docci = new(66.5, 78.6), LongDci = new(46.5, 54.3), Flickr30k = new(89.0, 76.7),
            Coco = new(62.8, 46.3),
            HiMoAt2 = 35.0, HiMoAt3 = 36.6, HiMoAtK = -0.55, Cola = 32.4,
        },
        new("TULIP L/14")
        {
            Urban1k = new(90.1, 91.1), Docci = new(75.5, 75.8), LongDci = new(55.7, 56.4), Flickr30k = new(89.0, 73.5),
            Coco = new(62.6, 46.1),
            HiMoAt2 = 90.1, HiMoAt3 = 51.3, HiMoAtK = 0.67, Cola = 34.8,
        },
        new("FineLIP L/14")
        {
            Urban1k = new(92.3, 91.2), Docci = new(81.5, 82.6), LongDci = new(59.6, 58.5), Flickr30k = new(90.5, 74.7),
            Coco = new(60.3, 43.5),
            HiMoAt2 = 96.4, HiMoAt3 = 59.7, HiMoAtK = 0.83, Cola = 34.3,
        },
        new("SmartCLIP L/14") { Urban1k = new(93.0, 90.1), Coco = new(66.0, 48.5) },
        new("HiMo-CLIP L/14")
        {
            Urban1k = new(93.0, 93.1), Docci = new(82.4, 84.4), LongDci = new(62.2, 61.9), Flickr30k = new(92.5, 78.2),
            Coco = new(65.1, 47.2),
            HiMoAt2 = 97.9, HiMoAt3 = 64.2, HiMoAtK = 0.88, Cola = 38.6,
        },
        new("HiMo-CLIP B/16")
        {
            Urban1k = new(89.2, 89.6), Docci = new(77.8, 79.9), LongDci = new(58.6, 57.1), Flickr30k = new(88.4, 72.1),
            Coco = new(60.6, 40.8),
        },
    ];
}
