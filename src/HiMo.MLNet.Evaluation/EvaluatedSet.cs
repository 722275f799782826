using HiMo.MLNet.Metrics;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Evaluation;

/// <summary>Different images with their captions.</summary>
/// <param name="ImagePaths">Paths; null for an image without a file.</param>
/// <param name="Captions">All captions.</param>
/// <param name="ImageOfCaption">For every caption the index of its image.</param>
internal sealed record EvaluatedSet(IReadOnlyList<string?> ImagePaths, IReadOnlyList<string> Captions, int[] ImageOfCaption)
{
    /// <summary>For every caption the growing texts that the data brings, the whole caption last; null where sentences are cut.</summary>
    public IReadOnlyList<IReadOnlyList<string>>? OwnTexts { get; init; }

    /// <summary>The texts that HiMo@K compares: the data's own, or the first 1, 2, … K groups of sentences; none if there are
    /// fewer.</summary>
    public IReadOnlyList<string> GrowingTexts(int caption, int? k) =>
        OwnTexts?[caption] ?? GrowingText.Segments(Sentences.Split(Captions[caption]), k!.Value);

    /// <summary>The captions of an image are one text that grows: the last one is the caption, all of them its growing texts.</summary>
    public EvaluatedSet AsGrowingTexts()
    {
        var texts = new List<string>[ImagePaths.Count];
        for (int i = 0; i < Captions.Count; i++)
        {
            (texts[ImageOfCaption[i]] ??= []).Add(Captions[i]);
        }

        int[] told = [.. Enumerable.Range(0, ImagePaths.Count).Where(p => texts[p] is not null)];
        return new(ImagePaths, [.. told.Select(p => texts[p][^1])], told) { OwnTexts = [.. told.Select(p => texts[p])] };
    }

    /// <summary>Some rows of embeddings, one after the other.</summary>
    public static float[] Rows(EmbeddingMatrix embeddings, IReadOnlyList<int> rows)
    {
        float[] values = new float[rows.Count * embeddings.Dimension];
        for (int i = 0; i < rows.Count; i++)
        {
            embeddings.Row(rows[i]).CopyTo(values.AsSpan(i * embeddings.Dimension));
        }

        return values;
    }

    public CaptionStatistics Statistics(ClipTokenizer tokenizer, int contextLength) => CaptionStatistics.Of(
        Captions, caption => OwnTexts?[caption].Count ?? Sentences.Split(Captions[caption]).Length, tokenizer, contextLength);
}

/// <summary>The similarities of images with the growing texts of their captions.</summary>
/// <param name="K">The number of texts, null where every caption brings its own.</param>
/// <param name="Similarities">For every caption of the set; fewer than K, or none, if it is too short.</param>
internal sealed record Growth(int? K, IReadOnlyList<float[]> Similarities);

/// <summary>What a report shows beyond the figures.</summary>
/// <param name="Set">Images and captions.</param>
/// <param name="Images">(images, d)</param>
/// <param name="Texts">(captions, d), null where captions are class names.</param>
/// <param name="Growths">One for every K.</param>
/// <param name="ImageRanks">Where each image's best caption stands, null without retrieval.</param>
/// <param name="TextRanks">Where each caption's image stands, null without retrieval.</param>
internal sealed record EvaluationDetails(
    EvaluatedSet Set, EmbeddingMatrix Images, EmbeddingMatrix? Texts, IReadOnlyList<Growth> Growths,
    QueryRanks? ImageRanks = null, QueryRanks? TextRanks = null);
