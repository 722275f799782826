using HiMo.MLNet.Metrics;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Embedding;

/// <summary>Measures a model in training by the metrics of its embeddings.</summary>
internal static class ValidationMetrics
{
    /// <param name="encoder">The model.</param>
    /// <param name="metric">Any but the loss.</param>
    /// <param name="rows">The validation pairs; those with the same image file, or the same bytes of one, are one image with several
    /// captions.</param>
    /// <param name="options">The share of these images that may be unreadable, and when to stop.</param>
    /// <exception cref="ImageReadException">An image cannot be read, and none may be left out.</exception>
    /// <exception cref="InvalidDataException">More images cannot be read than may be left out.</exception>
    public static double Measure(ClipEncoder encoder, ValidationMetric metric, IEnumerable<ImageWithCaptions> rows, TrainingOptions options)
    {
        var embedder = new BatchEmbedder(encoder, null, options.CancellationToken);
        var images = new EmbeddedImages(embedder, 0, options.MaxUnreadableShare);
        foreach (ImageWithCaptions[] batch in EmbeddedImages.Batches(rows))
        {
            images.Add(batch);
        }

        EmbeddedPairs pairs = images.Finish();
        return metric == ValidationMetric.HiMoAt3 ? HiMoAt3(embedder, pairs) : RecallAt1(embedder, pairs);
    }

    private static double RecallAt1(BatchEmbedder embedder, EmbeddedPairs pairs)
    {
        RetrievalMetrics recall = Retrieval.Evaluate(pairs.Images, embedder.EmbedTexts(pairs.Captions), pairs.ImageOfCaption);
        return (recall.ImageToTextRecallAt1 + recall.TextToImageRecallAt1) / 2;
    }

    private static double HiMoAt3(BatchEmbedder embedder, EmbeddedPairs pairs)
    {
        string[][] growing = [.. pairs.Captions.Select(caption => GrowingText.Segments(Sentences.Split(caption), 3))];
        EmbeddingMatrix texts = embedder.EmbedTexts([.. growing.SelectMany(parts => parts)]);
        int next = 0;
        return SemanticMonotonicity.HiMoAt3([.. growing.Select((parts, caption) => parts.Select(_ =>
            SimilarityBlock.Dot(pairs.Images.Row(pairs.ImageOfCaption[caption]), texts.Row(next++))).ToArray())]).Score;
    }
}
