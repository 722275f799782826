using HiMo.MLNet;
using HiMo.MLNet.Interop;

namespace Microsoft.ML;

/// <summary>HiMo-CLIP in <c>mlContext.Transforms</c>.</summary>
public static class HiMoClipCatalog
{
    /// <summary>Applies a CLIP, Long-CLIP, HiMo-CLIP or SmartCLIP checkpoint as it is; needs no training data.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="checkpoint">A PyTorch (<c>.pt</c>), TorchScript or <c>.safetensors</c> file, a folder of shards, or an ML.NET model zip
    /// with one
    /// <see cref="HiMoClipTransformer"/>, whose vocabulary is used, too. A 77-token CLIP is stretched to 248 tokens.</param>
    /// <param name="imageColumnName">File paths (text), images (<c>MLImage</c>) or image files' bytes (<c>byte[]</c>). May be missing if
    /// the data has captions; null for captions alone, even in data with such a column.</param>
    /// <param name="captionColumnName">Captions (text). May be missing if the data has images; null for images alone.</param>
    /// <param name="labels">Labels of a zero-shot classifier, or null.</param>
    /// <param name="templates">Texts with <c>{0}</c> in the place of the label, or null for the bare label.</param>
    /// <param name="threshold">With labels: the cosine, in [-1, 1], that an image needs with its best label to get one; null: always a
    /// label. See <see cref="HiMoClipTransformer.ForZeroShot"/>.</param>
    /// <param name="imageFolder">A folder that relative image paths start from; null for the working folder.</param>
    /// <param name="activation">The networks' activation, whatever the checkpoint's files say; null for theirs. See
    /// <see cref="TrainingOptions.Activation"/>.</param>
    /// <param name="imageEmbeddingColumnName">Output: the normalised image embedding, a vector of d singles.</param>
    /// <param name="textEmbeddingColumnName">Output: the normalised caption embedding, a vector of d singles.</param>
    /// <param name="similarityColumnName">Output for data with both: their cosine, a single in [-1, 1]. Null for no such column.</param>
    /// <param name="predictedLabelColumnName">Output with labels: the best label, a key.</param>
    /// <param name="scoreColumnName">Output with labels: the probabilities of all labels, a vector.</param>
    /// <param name="imageErrorColumnName">Output: why an image cannot be read, a text, empty where it can; with it an unreadable image is a
    /// missing value. Null for no such column: it is an error.</param>
    /// <exception cref="ArgumentException">A column name, label, template or the threshold is out of range; the message names
    /// it.</exception>
    /// <example>
    /// <code>
    /// var both = mlContext.Transforms.HiMoClip("longclip-B.pt");                                 // ImageEmbedding, TextEmbedding,
    /// Similarity var texts = mlContext.Transforms.HiMoClip("longclip-B.pt", imageColumnName: null);         // TextEmbedding
    /// var classifier = mlContext.Transforms.HiMoClip("longclip-B.pt", labels: ["cat", "dog"], templates: ClipTemplates.Photo,
    /// threshold: 0.2f);
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(
        this TransformsCatalog catalog, string checkpoint, string? imageColumnName = "ImagePath", string? captionColumnName = "Caption",
        IReadOnlyList<string>? labels = null, IReadOnlyList<string>? templates = null, float? threshold = null, string? imageFolder = null,
        ClipActivation? activation = null, string imageEmbeddingColumnName = "ImageEmbedding",
        string textEmbeddingColumnName = "TextEmbedding",
        string? similarityColumnName = "Similarity", string predictedLabelColumnName = "PredictedLabel", string scoreColumnName = "Score",
        string? imageErrorColumnName = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(checkpoint);
        return catalog.HiMoClip(new HiMoClipOptions
        {
            Checkpoint = checkpoint,
            Applies = true,
            ImageColumnName = imageColumnName,
            CaptionColumnName = captionColumnName,
            Labels = labels,
            Templates = templates,
            Threshold = threshold,
            ImageFolder = imageFolder,
            Activation = activation,
            ImageEmbeddingColumnName = imageEmbeddingColumnName,
            TextEmbeddingColumnName = textEmbeddingColumnName,
            SimilarityColumnName = similarityColumnName,
            PredictedLabelColumnName = predictedLabelColumnName,
            ScoreColumnName = scoreColumnName,
            ImageErrorColumnName = imageErrorColumnName,
        });
    }

    /// <summary>Trains a small CLIP model from scratch on images and captions with HiMo-CLIP's objective.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="imageColumnName">File paths (text), images (<c>MLImage</c>) or image files' bytes (<c>byte[]</c>).</param>
    /// <param name="captionColumnName">Captions (text).</param>
    /// <param name="epochs">Passes over the data, at least 1.</param>
    /// <example>
    /// <code>
    /// var model = mlContext.Transforms.HiMoClip("ImagePath", "Caption", epochs: 20).Fit(data);
    /// mlContext.Model.Save(model, data.Schema, "model.zip");
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(
        this TransformsCatalog catalog, string imageColumnName, string captionColumnName, int epochs) =>
        catalog.HiMoClip(new HiMoClipOptions { ImageColumnName = imageColumnName, CaptionColumnName = captionColumnName, Epochs = epochs });

    /// <summary>Trains or fine-tunes a CLIP model on images and captions with HiMo-CLIP's objective.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="options">Columns, model and training.</param>
    /// <exception cref="ArgumentException">An option is out of range; the message names it.</exception>
    /// <example>
    /// <code>
    /// var model = mlContext.Transforms.HiMoClip(new HiMoClipOptions { Checkpoint = "longclip-B.pt", Epochs = 3, MicroBatchSize = 32
    /// }).Fit(data);
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(this TransformsCatalog catalog, HiMoClipOptions options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(options);
        return new(MLNetInternals.Environment(catalog), options);
    }

    /// <summary>Searches a set of images by their embeddings: <c>Fit</c> keeps the images, the transformer finds the nearest k for each
    /// row.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="k">The images found for a query, at least 1; at most as many as were fitted.</param>
    /// <param name="nameColumnName">What an image is called in the results, a text column.</param>
    /// <remarks>
    /// Adds <c>SearchResults</c>, the names best first, and <c>SearchScores</c>, their cosines. Queries are the rows'
    /// text embeddings where they have one, else their image embeddings, by the names that the model in front gives them.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range; the message names it.</exception>
    /// <example>
    /// <code>
    /// var search = mlContext.Transforms.HiMoClip("longclip-B.pt").Append(mlContext.Transforms.HiMoClipImageSearch(k: 5)).Fit(images);
    /// mlContext.Model.Save(search, images.Schema, "search.zip");                              // the model and the images' embeddings
    /// var found = search.Transform(queries).GetColumn&lt;string[]&gt;("SearchResults");               // queries have a Caption alone
    /// </code>
    /// </example>
    public static HiMoClipImageSearchEstimator HiMoClipImageSearch(
        this TransformsCatalog catalog, int k = 10, string nameColumnName = "ImagePath") =>
        catalog.HiMoClipImageSearch(new HiMoClipImageSearchOptions { K = k, NameColumnName = nameColumnName });

    /// <summary>Searches a set of images by their embeddings: <c>Fit</c> keeps the images, the transformer finds the nearest k for each
    /// row.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="options">How many images to find, and the columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range; the message names it.</exception>
    /// <example>
    /// <code>
    /// var embedded = model.Transform(images);                                                  // images like these, even in data with
    /// captions var similar = mlContext.Transforms.HiMoClipImageSearch(new HiMoClipImageSearchOptions { K = 5, QueryColumnName =
    /// "ImageEmbedding" }).Fit(embedded);
    /// </code>
    /// </example>
    public static HiMoClipImageSearchEstimator HiMoClipImageSearch(this TransformsCatalog catalog, HiMoClipImageSearchOptions options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(options);
        return new(MLNetInternals.Environment(catalog), options);
    }
}
