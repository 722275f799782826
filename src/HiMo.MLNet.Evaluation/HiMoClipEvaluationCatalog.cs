using HiMo.MLNet;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace Microsoft.ML;

/// <summary>
/// The metrics of the papers over the embedding columns of data that is scored already: embed once, measure as often as you like. For
/// zero-shot classifiers, <c>mlContext.MulticlassClassification.Evaluate</c> takes their scored data.
/// </summary>
/// <example>
/// <code>
/// IDataView scored = mlContext.Data.Cache(model.Transform(data));
/// RetrievalMetrics retrieval = mlContext.Ranking.EvaluateRetrieval(scored, imageColumnName: "ImagePath");
/// </code>
/// </example>
public static class HiMoClipEvaluationCatalog
{
    /// <summary>Recall of the right caption among all captions, for every image, and of the right image, for every caption.</summary>
    /// <param name="catalog">The ranking catalog.</param>
    /// <param name="data">Scored rows, an image and a caption each.</param>
    /// <param name="imageColumnName">A text column: rows with the same value are one image with several captions. Null: every row has an
    /// image of its own.</param>
    /// <param name="imageEmbeddingColumnName">The images' embeddings, a vector of singles.</param>
    /// <param name="textEmbeddingColumnName">The captions' embeddings, a vector of singles of the same size.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    /// <exception cref="ArgumentException">There are no rows, or an embedding is not finite.</exception>
    public static RetrievalMetrics EvaluateRetrieval(
        this RankingCatalog catalog, IDataView data, string? imageColumnName = null,
        string imageEmbeddingColumnName = "ImageEmbedding", string textEmbeddingColumnName = "TextEmbedding")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var pairs = ScoredPairs.Read(data, imageColumnName, imageEmbeddingColumnName, textEmbeddingColumnName);
        return Retrieval.Evaluate(pairs.Images, pairs.Texts, pairs.ImageOfText);
    }

    /// <summary>
    /// HiMo@K as published for HiMo-Docci: the captions of an image, in the order of their rows, are a text that grows. The score is the
    /// mean Pearson correlation of (1, 2, …) with their similarities to the image.
    /// </summary>
    /// <param name="catalog">The ranking catalog.</param>
    /// <param name="data">Scored rows, an image and a text each.</param>
    /// <param name="imageColumnName">A text column: rows with the same value are one image.</param>
    /// <param name="imageEmbeddingColumnName">The images' embeddings, a vector of singles.</param>
    /// <param name="textEmbeddingColumnName">The texts' embeddings, a vector of singles of the same size.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    /// <exception cref="ArgumentException">There are no rows, or an embedding is not finite.</exception>
    public static MonotonicityMetrics EvaluateMonotonicity(
        this RankingCatalog catalog, IDataView data, string imageColumnName = "ImagePath",
        string imageEmbeddingColumnName = "ImageEmbedding", string textEmbeddingColumnName = "TextEmbedding")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrWhiteSpace(imageColumnName);
        var pairs = ScoredPairs.Read(data, imageColumnName, imageEmbeddingColumnName, textEmbeddingColumnName);
        return SemanticMonotonicity.HiMoAtK(pairs.SimilaritiesOfImages(), null);
    }

    /// <summary>COLA, multi-object setting: two consecutive rows are the two images, with their captions, of one question.</summary>
    /// <param name="catalog">The ranking catalog.</param>
    /// <param name="data">Scored rows, an image and a caption each.</param>
    /// <param name="imageEmbeddingColumnName">The images' embeddings, a vector of singles.</param>
    /// <param name="textEmbeddingColumnName">The captions' embeddings, a vector of singles of the same size.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type; the message names it.</exception>
    /// <exception cref="ArgumentException">The number of rows is odd or 0, or an embedding is not finite.</exception>
    public static ColaMetrics EvaluateCola(
        this RankingCatalog catalog, IDataView data,
        string imageEmbeddingColumnName = "ImageEmbedding", string textEmbeddingColumnName = "TextEmbedding")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        var pairs = ScoredPairs.Read(data, null, imageEmbeddingColumnName, textEmbeddingColumnName);
        return Cola.Evaluate(pairs.Images, pairs.Texts);
    }
}
