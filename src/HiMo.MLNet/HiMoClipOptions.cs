namespace HiMo.MLNet;

/// <summary>What <c>mlContext.Transforms.HiMoClip(options)</c> trains and which columns it reads and writes.</summary>
public sealed class HiMoClipOptions
{
    /// <summary>
    /// Pictures: a text column of file paths, or an image column (<c>MLImage</c>). Null for a checkpoint that is applied to
    /// captions alone; training needs pictures. Default: <c>ImagePath</c>.
    /// </summary>
    public string? ImageColumnName { get; set; } = "ImagePath";

    /// <summary>
    /// Captions: a text column. Null for a checkpoint that is applied to pictures alone; training needs captions. Default: <c>Caption</c>.
    /// </summary>
    public string? CaptionColumnName { get; set; } = "Caption";

    /// <summary>A folder that relative picture paths start from. Default: null, the working folder.</summary>
    public string? ImageFolder { get; set; }

    /// <summary>Output: the normalised picture embedding, a vector of d singles. Default: <c>ImageEmbedding</c>.</summary>
    public string ImageEmbeddingColumnName { get; set; } = "ImageEmbedding";

    /// <summary>Output: the normalised caption embedding, a vector of d singles. Default: <c>TextEmbedding</c>.</summary>
    public string TextEmbeddingColumnName { get; set; } = "TextEmbedding";

    /// <summary>
    /// Output for data with pictures and captions: how well they match, a single, the cosine of the two embeddings, in [-1, 1].
    /// Null for no such column. Default: <c>Similarity</c>.
    /// </summary>
    public string? SimilarityColumnName { get; set; } = "Similarity";

    /// <summary>
    /// Labels of a zero-shot classifier on top of the embeddings; see <see cref="HiMoClipTransformer.ForZeroShot"/>. Default: null, no classifier.
    /// </summary>
    public IReadOnlyList<string>? Labels { get; set; }

    /// <summary>Texts with <c>{0}</c> in the place of the label. Default: null, the bare label. See <see cref="HiMoClipTemplates"/>.</summary>
    public IReadOnlyList<string>? Templates { get; set; }

    /// <summary>
    /// With <see cref="Labels"/>: the cosine, in [-1, 1], that a picture needs with its best label; below it the predicted label is
    /// missing, "none of these". See <see cref="HiMoClipTransformer.ForZeroShot"/> for how to choose one. Default: null, always a label.
    /// </summary>
    public float? Threshold { get; set; }

    /// <summary>Output with <see cref="Labels"/>: the best label, a key. Default: <c>PredictedLabel</c>.</summary>
    public string PredictedLabelColumnName { get; set; } = "PredictedLabel";

    /// <summary>Output with <see cref="Labels"/>: the probabilities of all labels, a vector. Default: <c>Score</c>.</summary>
    public string ScoreColumnName { get; set; } = "Score";

    /// <summary>
    /// The sizes of a model to train from scratch; ignored with <see cref="Checkpoint"/>. Default: <see cref="ClipArchitecture.Small"/>.
    /// </summary>
    public ClipArchitecture Architecture { get; set; } = ClipArchitecture.Small;

    /// <summary>
    /// A CLIP checkpoint to fine-tune: PyTorch (<c>.pt</c>), TorchScript or <c>.safetensors</c>. A 77-token CLIP is
    /// stretched to 248. Default: null, training from scratch.
    /// </summary>
    public string? Checkpoint { get; set; }

    /// <summary>
    /// Passes over the training pictures, at least 1; or 0 with <see cref="Checkpoint"/>, which applies the checkpoint as it is
    /// and reads no data. Default: 10, as published.
    /// </summary>
    public int Epochs { get; set; } = 10;

    /// <summary>
    /// N, the pictures of one contrastive batch, at least 2. The objective, and HiDe above all, sees the whole batch; larger
    /// is better. Default: 256.
    /// </summary>
    public int BatchSize { get; set; } = 256;

    /// <summary>
    /// The pictures that pass through the networks at a time. Below <see cref="BatchSize"/>, gradient caching computes the
    /// same step in the memory of one micro-batch, at about 1.3 times the work. Default: null, the whole batch.
    /// </summary>
    public int? MicroBatchSize { get; set; }

    /// <summary>
    /// AdamW's rate after the warm-up, positive. Default: null, which is 1e-6 (as published) with
    /// <see cref="Checkpoint"/> and 1e-3 from scratch.
    /// </summary>
    public double? LearningRate { get; set; }

    /// <summary>AdamW's decoupled weight decay, at least 0, on every parameter. Default: 1e-2, as published.</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>Steps of linear warm-up, then the rate falls to 0 along a cosine; at most a tenth of all steps. Default: 200, as published.</summary>
    public int WarmupSteps { get; set; } = 200;

    /// <summary>Label smoothing of the cross-entropies, in [0, 1). Default: 0.1, as published.</summary>
    public double LabelSmoothing { get; set; } = 0.1;

    /// <summary>τ, the share of the batch's text variance that HiDe keeps, in (0, 1]. Default: 0.9, as published.</summary>
    public double VarianceRatio { get; set; } = 0.9;

    /// <summary>λ, the weight of the component loss in MoLo, at least 0. Default: 1, as published.</summary>
    public double ComponentWeight { get; set; } = 1;

    /// <summary>Which side of the similarity products receives a gradient. Default: <see cref="GradientPaths.Full"/>, as the equations say.</summary>
    public GradientPaths GradientPaths { get; set; } = GradientPaths.Full;

    /// <summary>Which part of a caption a step sees. Default: <see cref="CaptionSampling.Whole"/>.</summary>
    public CaptionSampling CaptionSampling { get; set; } = CaptionSampling.Whole;

    /// <summary>Changes to the training pictures. Default: null, the plain preprocessing of CLIP.</summary>
    public ImageAugmentation? Augmentation { get; set; }

    /// <summary>Receives every training step. Default: null; progress also goes to <c>mlContext.Log</c>.</summary>
    public IProgress<TrainingProgress>? Progress { get; set; }

    /// <summary>Stops the training, with an <see cref="OperationCanceledException"/>. Default: none.</summary>
    public CancellationToken CancellationToken { get; set; }

    internal void Validate()
    {
        RequireInput(ImageColumnName, nameof(ImageColumnName));
        RequireInput(CaptionColumnName, nameof(CaptionColumnName));
        Require(ImageColumnName is not null || CaptionColumnName is not null, nameof(ImageColumnName), null, $"a column name where {nameof(CaptionColumnName)} is null");
        Require(ImageColumnName is not null || Labels is null, nameof(ImageColumnName), null, $"a column name where there are {nameof(Labels)}: they are for pictures");
        Require(Threshold is null or (>= -1 and <= 1), nameof(Threshold), Threshold, "a cosine, in [-1, 1], or null");
        Require(Threshold is null || Labels is not null, nameof(Threshold), Threshold, $"null where there are no {nameof(Labels)}");
        Require(SimilarityColumnName is null || !string.IsNullOrWhiteSpace(SimilarityColumnName), nameof(SimilarityColumnName), SimilarityColumnName, "a column name, or null");
        Require(!string.IsNullOrWhiteSpace(ImageEmbeddingColumnName), nameof(ImageEmbeddingColumnName), ImageEmbeddingColumnName, "a column name");
        Require(!string.IsNullOrWhiteSpace(TextEmbeddingColumnName), nameof(TextEmbeddingColumnName), TextEmbeddingColumnName, "a column name");
        Require(!string.IsNullOrWhiteSpace(PredictedLabelColumnName), nameof(PredictedLabelColumnName), PredictedLabelColumnName, "a column name");
        Require(!string.IsNullOrWhiteSpace(ScoreColumnName), nameof(ScoreColumnName), ScoreColumnName, "a column name");
        Require(Epochs >= (Checkpoint is null ? 1 : 0), nameof(Epochs), Epochs, "at least 1 (or 0 with a checkpoint)");
        Require(BatchSize >= 2, nameof(BatchSize), BatchSize, "at least 2: the objective contrasts the pairs of a batch");
        Require(MicroBatchSize is null or >= 1, nameof(MicroBatchSize), MicroBatchSize, "at least 1, or null");
        Require(LearningRate is null || (LearningRate > 0 && double.IsFinite(LearningRate.Value)), nameof(LearningRate), LearningRate, "a positive number, or null");
        Require(WeightDecay >= 0 && double.IsFinite(WeightDecay), nameof(WeightDecay), WeightDecay, "at least 0");
        Require(WarmupSteps >= 0, nameof(WarmupSteps), WarmupSteps, "at least 0");
        Require(LabelSmoothing is >= 0 and < 1, nameof(LabelSmoothing), LabelSmoothing, "in [0, 1)");
        Require(VarianceRatio is > 0 and <= 1, nameof(VarianceRatio), VarianceRatio, "in (0, 1]");
        Require(ComponentWeight >= 0 && double.IsFinite(ComponentWeight), nameof(ComponentWeight), ComponentWeight, "at least 0");
        Require(Enum.IsDefined(GradientPaths), nameof(GradientPaths), GradientPaths, "a value of the enumeration");
        Require(Enum.IsDefined(CaptionSampling), nameof(CaptionSampling), CaptionSampling, "a value of the enumeration");
        Require(Architecture is not null, nameof(Architecture), null, "a ClipArchitecture");
        Architecture!.Validate();
    }

    private void RequireInput(string? column, string name) => Require(column is null ? Epochs == 0 : !string.IsNullOrWhiteSpace(column), name, column,
        Epochs == 0 ? "a column name, or null" : "a column name: training needs pictures and captions");

    private static void Require(bool condition, string name, object? found, string expected) => Require(condition, nameof(HiMoClipOptions), name, found, expected);

    internal static void Require(bool condition, string type, string name, object? found, string expected)
    {
        if (!condition)
            throw new ArgumentOutOfRangeException($"{type}.{name}", found, $"{type}.{name} must be {expected}; it is {found ?? "null"}.");
    }
}
