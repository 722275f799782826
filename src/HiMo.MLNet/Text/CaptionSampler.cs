namespace HiMo.MLNet.Text;

/// <summary>Draws the part of a caption that a training step sees.</summary>
internal static class CaptionSampler
{
    /// <summary>A caption without a sentence (empty, white space) comes back as it is.</summary>
    public static string Sample(string caption, CaptionSampling mode, Random random)
    {
        if (mode == CaptionSampling.Mixed)
        {
            mode = (CaptionSampling)random.Next((int)CaptionSampling.Mixed);
        }

        if (mode == CaptionSampling.Whole)
        {
            return caption;
        }

        if (mode == CaptionSampling.UpToFirstPeriod)
        {
            int end = caption.IndexOf(". ", StringComparison.Ordinal);
            return end < 0 ? caption : caption[..end];
        }

        string[] sentences = Sentences.Split(caption);
        return sentences.Length == 0 ? caption : mode switch
        {
            CaptionSampling.FirstSentence => sentences[0],
            CaptionSampling.SentenceSubset => Subset(sentences, random),
            _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, $"Expected a {nameof(CaptionSampling)}, found {mode}."),
        };
    }

    // One coin a sentence, thrown again when all fall on one side: every non-empty subset has the same chance.
    private static string Subset(string[] sentences, Random random)
    {
        while (true)
        {
            string[] chosen = [.. sentences.Where(_ => random.Next(2) == 0)];
            if (chosen.Length > 0)
            {
                return string.Join(' ', chosen);
            }
        }
    }
}
