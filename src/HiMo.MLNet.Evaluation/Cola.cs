using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Evaluation;

/// <summary>COLA-multi over embeddings in the order of the data set: image A, image B of the first row, then of the second, and so
/// on.</summary>
internal static class Cola
{
    /// <param name="images">Normalised embeddings, two consecutive ones a row.</param>
    /// <param name="texts">Normalised embeddings of the captions, in the order of their images.</param>
    public static ColaMetrics Evaluate(EmbeddingMatrix images, EmbeddingMatrix texts)
    {
        images.ThrowIfNotNormalized(nameof(images));
        texts.ThrowIfNotNormalized(nameof(texts));
        if (images.Dimension != texts.Dimension)
        {
            throw new ArgumentException($"Expected texts of dimension {images.Dimension}, as the images have, found {texts.Dimension}.",
                nameof(texts));
        }

        if (images.Count % 2 != 0 || texts.Count != images.Count)
        {
            throw new ArgumentException(
                $"Expected two images and two captions a row, found {images.Count} images and {texts.Count} captions.", nameof(texts));
        }

        int correct = 0;
        for (int a = 0, b = 1; b < images.Count; a += 2, b += 2)
        {
            if (SimilarityBlock.Dot(images.Row(a), texts.Row(a)) > SimilarityBlock.Dot(images.Row(b), texts.Row(a)) &&
                SimilarityBlock.Dot(images.Row(b), texts.Row(b)) > SimilarityBlock.Dot(images.Row(a), texts.Row(b)))
            {
                correct++;
            }
        }

        return new ColaMetrics { RowCount = images.Count / 2, CorrectCount = correct };
    }
}
