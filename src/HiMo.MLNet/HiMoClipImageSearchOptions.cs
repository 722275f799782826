namespace HiMo.MLNet;

/// <summary>What <c>mlContext.Transforms.HiMoClipImageSearch(options)</c> keeps, and which columns it reads and writes.</summary>
public sealed class HiMoClipImageSearchOptions
{
    /// <summary>k, the images found for a query, at least 1; at most as many as were fitted. Default: 10.</summary>
    public int K { get; set; } = 10;

    /// <summary>Read by <c>Fit</c>: what an image is called in the results, a text column. Default: <c>ImagePath</c>.</summary>
    public string NameColumnName { get; set; } = "ImagePath";

    /// <summary>Read by <c>Fit</c>: the images' embeddings, a vector of d singles. Default: <c>ImageEmbedding</c>.</summary>
    public string EmbeddingColumnName { get; set; } = "ImageEmbedding";

    /// <summary>
    /// Read by the transformer: what to search for, a vector of d singles. Default: null, which is the text embedding of
    /// the model that embedded the fitted images where the data has it (images for a text; <c>TextEmbedding</c> if no model of this
    /// library did), else <see cref="EmbeddingColumnName"/> (images like an image).
    /// </summary>
    public string? QueryColumnName { get; set; }

    /// <summary>Output: the names of the k nearest images, best first, a vector of k texts. Default: <c>SearchResults</c>.</summary>
    public string ResultsColumnName { get; set; } = "SearchResults";

    /// <summary>Output: their cosines with the query, in [-1, 1], a vector of k singles. Default: <c>SearchScores</c>.</summary>
    public string ScoresColumnName { get; set; } = "SearchScores";

    internal void Validate()
    {
        Require(K >= 1, nameof(K), K, "at least 1");
        Require(!string.IsNullOrWhiteSpace(NameColumnName), nameof(NameColumnName), NameColumnName, "a column name");
        Require(!string.IsNullOrWhiteSpace(EmbeddingColumnName), nameof(EmbeddingColumnName), EmbeddingColumnName, "a column name");
        Require(QueryColumnName is null || !string.IsNullOrWhiteSpace(QueryColumnName), nameof(QueryColumnName), QueryColumnName,
            "a column name, or null");
        Require(!string.IsNullOrWhiteSpace(ResultsColumnName), nameof(ResultsColumnName), ResultsColumnName, "a column name");
        Require(!string.IsNullOrWhiteSpace(ScoresColumnName) && ScoresColumnName != ResultsColumnName, nameof(ScoresColumnName),
            ScoresColumnName, $"a column name other than {nameof(ResultsColumnName)}");
    }

    private static void Require(bool condition, string name, object? found, string expected) =>
        OptionCheck.Require(condition, nameof(HiMoClipImageSearchOptions), name, found, expected);
}
