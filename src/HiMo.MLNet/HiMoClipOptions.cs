using System.Runtime.CompilerServices;

namespace HiMo.MLNet;

/// <summary>What <c>mlContext.Transforms.HiMoClip(options)</c> trains and which columns it reads and writes.</summary>
public sealed class HiMoClipOptions : TrainingOptions
{
    /// <summary>
    /// Images: a text column of file paths, an image column (<c>MLImage</c>), or a column of bytes (a <c>byte[]</c> property, or what
    /// <c>LoadRawImageBytes</c> gives), each row an image file's. Null for a checkpoint that is applied to captions alone; training needs
    /// images. Default: <c>ImagePath</c>.
    /// </summary>
    public string? ImageColumnName { get; set; } = "ImagePath";

    /// <summary>
    /// Captions: a text column. Null for a checkpoint that is applied to images alone; training needs captions. Default: <c>Caption</c>.
    /// </summary>
    public string? CaptionColumnName { get; set; } = "Caption";

    /// <summary>A folder that relative image paths start from. Default: null, the working folder.</summary>
    public string? ImageFolder { get; set; }

    /// <summary>Output: the normalised image embedding, a vector of d singles. Default: <c>ImageEmbedding</c>.</summary>
    public string ImageEmbeddingColumnName { get; set; } = "ImageEmbedding";

    /// <summary>Output: the normalised caption embedding, a vector of d singles. Default: <c>TextEmbedding</c>.</summary>
    public string TextEmbeddingColumnName { get; set; } = "TextEmbedding";

    /// <summary>
    /// Output for data with images and captions: how well they match, a single, the cosine of the two embeddings, in [-1, 1].
    /// Null for no such column. Default: <c>Similarity</c>.
    /// </summary>
    public string? SimilarityColumnName { get; set; } = "Similarity";

    /// <summary>
    /// Output for data with images, when scoring: why an image cannot be read, a text; empty where it can, or where there is none. With
    /// such a column an unreadable image is a missing value; without one it is an <see cref="ImageReadException"/>. For training see
    /// <see cref="TrainingOptions.MaxUnreadableShare"/>. Default: null, no such column.
    /// </summary>
    public string? ImageErrorColumnName { get; set; }

    /// <summary>
    /// Labels of a zero-shot classifier on top of the embeddings; see <see cref="HiMoClipTransformer.ForZeroShot"/>. Default: null, no
    /// classifier.
    /// </summary>
    public IReadOnlyList<string>? Labels { get; set; }

    /// <summary>Texts with <c>{0}</c> in the place of the label. Default: null, the bare label. See
    /// <see cref="ClipTemplates"/>.</summary>
    public IReadOnlyList<string>? Templates { get; set; }

    /// <summary>
    /// With <see cref="Labels"/>: the cosine, in [-1, 1], that an image needs with its best label; below it the predicted label is
    /// missing, "none of these". See <see cref="HiMoClipTransformer.ForZeroShot"/> for how to choose one. Default: null, always a label.
    /// </summary>
    public float? Threshold { get; set; }

    /// <summary>Output with <see cref="Labels"/>: the best label, a key. Default: <c>PredictedLabel</c>.</summary>
    public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

    /// <summary>Output with <see cref="Labels"/>: the probabilities of all labels, a vector. Default: <c>Score</c>.</summary>
    public string ScoreColumnName { get; set; } = "Score";

    /// <summary>
    /// Pairs that are not trained on, with the same columns. After every epoch the model is judged on them, and the one of the
    /// best epoch is what <c>Fit</c> returns. Default: null, the model of the last step.
    /// </summary>
    public Microsoft.ML.IDataView? ValidationSet { get; set; }

    /// <summary>Whether the checkpoint is applied as it is, and nothing trained.</summary>
    internal bool Applies { get; init; }

    internal override HiMoClipOptions Copy()
    {
        var copy = (HiMoClipOptions)base.Copy();
        copy.Labels = Labels is null ? null : [.. Labels];
        copy.Templates = Templates is null ? null : [.. Templates];
        return copy;
    }

    internal override void Validate()
    {
        RequireInput(ImageColumnName);
        RequireInput(CaptionColumnName);
        Require(ImageColumnName is not null || CaptionColumnName is not null, ImageColumnName,
            $"a column name where {nameof(CaptionColumnName)} is null");
        Require(ImageColumnName is not null || Labels is null, ImageColumnName,
            $"a column name where there are {nameof(Labels)}: they are for images");
        Require(Threshold is null or (>= -1 and <= 1), Threshold, "a cosine, in [-1, 1], or null");
        Require(Threshold is null || Labels is not null, Threshold, $"null where there are no {nameof(Labels)}");
        RequireNameOrNull(SimilarityColumnName);
        RequireNameOrNull(ImageErrorColumnName);
        RequireName(ImageEmbeddingColumnName);
        RequireName(TextEmbeddingColumnName);
        RequireName(PredictedLabelColumnName);
        RequireName(ScoreColumnName);
        Require(Patience is null || ValidationSet is not null, Patience, $"null without a {nameof(ValidationSet)}");
        base.Validate();
    }

    private void RequireInput(string? column, [CallerArgumentExpression(nameof(column))] string name = "") =>
        Require(column is null ? Applies : !string.IsNullOrWhiteSpace(column), column,
            Applies ? "a column name, or null" : "a column name: training needs images and captions", name);

    private void RequireNameOrNull(string? column, [CallerArgumentExpression(nameof(column))] string name = "") =>
        Require(column is null || !string.IsNullOrWhiteSpace(column), column, "a column name, or null", name);

    private void RequireName(string column, [CallerArgumentExpression(nameof(column))] string name = "") =>
        Require(!string.IsNullOrWhiteSpace(column), column, "a column name", name);
}
