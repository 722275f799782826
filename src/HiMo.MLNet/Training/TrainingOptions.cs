using System.Runtime.CompilerServices;

namespace HiMo.MLNet;

/// <summary>Which model is trained, with which objective and how; <see cref="HiMoClipOptions"/> adds the columns and the validation
/// set.</summary>
public abstract class TrainingOptions
{
    private protected TrainingOptions()
    {
    }

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
    /// The activation of the networks in <see cref="Checkpoint"/>, whatever the files say. Default: null, as the checkpoint or a
    /// configuration file beside it says (<c>config.json</c>, <c>open_clip_config.json</c>); where nothing does, QuickGELU, and
    /// <c>mlContext.Log</c> warns.
    /// </summary>
    public ClipActivation? Activation { get; set; }

    /// <summary>
    /// Passes over the training images, at least 1. Default: 10, as published.
    /// </summary>
    public int Epochs { get; set; } = 10;

    /// <summary>Ends the training after so many steps, if the epochs do not end it before; at least 1. Default: null, no limit.</summary>
    public int? MaxSteps { get; set; }

    /// <summary>
    /// What training minimises: <see cref="HiMoObjective"/>, <see cref="ClipObjective"/>, <see cref="LongClipObjective"/> or
    /// <see cref="SmartClipObjective"/>, with its settings. Default: HiMo-CLIP's, as published.
    /// </summary>
    public ContrastiveObjective Objective { get; set; } = new HiMoObjective();

    /// <summary>
    /// N, the images of one contrastive batch, at least 2. The objective, and HiDe above all, sees the whole batch; larger
    /// is better. Default: 256.
    /// </summary>
    public int BatchSize { get; set; } = 256;

    /// <summary>Whether the pairs that fill no batch at the end of an epoch are left out of it. Default: false, they make a smaller
    /// batch.</summary>
    public bool DropLastBatch { get; set; }

    /// <summary>
    /// The images that pass through the networks of a device at a time. Below <see cref="BatchSize"/>, gradient caching
    /// computes the same step in the memory of one micro-batch, at about 1.3 times the work. Default: null, the whole batch.
    /// </summary>
    public int? MicroBatchSize { get; set; }

    /// <summary>
    /// The devices to train on, as torch names them: <c>["cuda:0", "cuda:1"]</c>. They share every batch: each embeds its part
    /// at the same time, one objective sees them all, and the gradients are summed; with <c>BatchSize</c> N, each
    /// needs the memory of N / devices images or of a micro-batch. Default: null, the device of <c>MLContext.GpuDeviceId</c>.
    /// </summary>
    public IReadOnlyList<string>? Devices { get; set; }

    /// <summary>
    /// The processes that share every batch, on one machine or many: each calls <c>Fit</c> with the same options and data, embeds its part
    /// of the <see cref="BatchSize"/> pairs, and has the same model in the end. Rank 0 validates, reports and writes checkpoints; the file
    /// of <see cref="Checkpoint"/> and <see cref="ResumeFrom"/> must be there for all. Where one fails, all do.
    /// <see cref="MpiCommunicator"/> is MPI's. Default: null, one process.
    /// </summary>
    public ICommunicator? Communicator { get; set; }

    /// <summary>The type of the networks' heavy products. Default: <see cref="TrainingPrecision.Float32"/>.</summary>
    public TrainingPrecision Precision { get; set; } = TrainingPrecision.Float32;

    /// <summary>
    /// AdamW's rate after the warm-up, positive. Default: null, which is 1e-6 (as published) with
    /// <see cref="Checkpoint"/> and 1e-3 from scratch.
    /// </summary>
    public double? LearningRate { get; set; }

    /// <summary>AdamW's decoupled weight decay, at least 0, on every parameter. Default: 1e-2, as published.</summary>
    public double WeightDecay { get; set; } = 1e-2;

    /// <summary>
    /// Steps of linear warm-up, at least 0, then the rate falls to 0 along a cosine. Default: null, 200 as published, or a tenth of
    /// all steps where that is less; <c>mlContext.Log</c> tells.
    /// </summary>
    public int? WarmupSteps { get; set; }

    /// <summary>The largest norm of all gradients together: longer ones are scaled down to it; positive. Default: null, no clipping, as
    /// published.</summary>
    public double? MaxGradientNorm { get; set; }

    /// <summary>Sets s, the scale of the logits, before training; positive. Published fine-tuning begins at 100. Default: null, as it is (1
    /// / 0.07 from scratch).</summary>
    public double? InitialLogitScale { get; set; }

    /// <summary>
    /// The upper bound of s, at least 1; <see cref="double.PositiveInfinity"/> for none. Default: null, the objective's own: 100 for
    /// <see cref="ClipObjective"/> (Radford et al. 2021, section 2.5), none for the others, as in the published code. Where s begins
    /// at its bound, as CLIP's checkpoints and <see cref="InitialLogitScale"/> = 100 do, it can only fall.
    /// </summary>
    public double? MaxLogitScale { get; set; }

    /// <summary>Leaves the image tower as it is. Default: false.</summary>
    public bool FreezeImageTower { get; set; }

    /// <summary>Leaves the text tower as it is. Default: false.</summary>
    public bool FreezeTextTower { get; set; }

    /// <summary>
    /// Leaves the first blocks of the image tower (stages, for a ResNet), and what comes before them, as they are; 0 to the
    /// number of blocks. Default: 0.
    /// </summary>
    public int FrozenImageBlocks { get; set; }

    /// <summary>Leaves the first blocks of the text tower, and the embeddings before them, as they are; 0 to the number of blocks. Default:
    /// 0.</summary>
    public int FrozenTextBlocks { get; set; }

    /// <summary>
    /// Leaves <c>positional_embedding</c>, of which the first 20 positions are read, as it is; the others have a table of their own,
    /// which is trained. Default: null, which is true where <see cref="Checkpoint"/> is a 77-token CLIP, whose positions are
    /// stretched (Long-CLIP, section 3.1; the published code), and false otherwise.
    /// </summary>
    public bool? FreezeFirstPositions { get; set; }

    /// <summary>
    /// Which part of a caption a step sees. Default: null, the objective's: <see cref="MLNet.CaptionSampling.Mixed"/> for
    /// <see cref="SmartClipObjective"/> and <see cref="MLNet.CaptionSampling.Whole"/> for the others.
    /// </summary>
    public CaptionSampling? CaptionSampling { get; set; }

    /// <summary>Changes to the training images. Default: null, the plain preprocessing of CLIP.</summary>
    public ImageAugmentation? Augmentation { get; set; }

    /// <summary>
    /// The share of the images, in [0, 1), that may be unreadable: they are left out, and counted in <c>mlContext.Log</c> after
    /// every epoch; a batch that keeps fewer than two is left out whole. More of them end the training. Of the validation set the same
    /// share may be. Default: 0, the first one does.
    /// </summary>
    public double MaxUnreadableShare { get; set; }

    /// <summary>What the model is judged by on the validation set. Default: <see cref="ValidationMetric.Loss"/>.</summary>
    public ValidationMetric ValidationMetric { get; set; } = ValidationMetric.Loss;

    /// <summary>
    /// Early stopping: ends the training after so many epochs in a row without a better score on the validation set, which it
    /// needs; at least 1. Default: null, all epochs.
    /// </summary>
    public int? Patience { get; set; }

    /// <summary>
    /// A folder for checkpoints of the training, made if need be: one at the end of every epoch, every
    /// <see cref="CheckpointEverySteps"/> and on cancellation. A file there is always whole. Each is three times the
    /// size of the model, and a model checkpoint too. A folder is of one training: one with checkpoints of another is refused,
    /// unless <see cref="ResumeFrom"/> goes on from them. Default: null, none.
    /// </summary>
    public string? CheckpointFolder { get; set; }

    /// <summary>Steps from one checkpoint to the next within an epoch, at least 1. Default: null, only at its end.</summary>
    public int? CheckpointEverySteps { get; set; }

    /// <summary>The latest checkpoints to keep, at least 1. Default: 2.</summary>
    public int CheckpointsKept { get; set; } = 2;

    /// <summary>
    /// A checkpoint of an interrupted training, or the <see cref="CheckpointFolder"/> with them, to go on from; an empty folder begins
    /// anew. With the same data, options and seed the result is that of a training that was never interrupted, on a CPU
    /// bit for bit. Options that would change the course are refused. <see cref="MicroBatchSize"/> and <see cref="Devices"/> may
    /// change, since the gradients stay the same but for rounding (not where a ResNet is trained from scratch, whose batch norm
    /// sees micro-batches). Default: null.
    /// </summary>
    public string? ResumeFrom { get; set; }

    /// <summary>Receives every training step; where it cannot write to its disk, reports end with a warning and the training goes on.
    /// Default: null; progress also goes to <c>mlContext.Log</c>.</summary>
    public IProgress<TrainingProgress>? Progress { get; set; }

    /// <summary>
    /// Stops the training, with an <see cref="OperationCanceledException"/> and, given a <see cref="CheckpointFolder"/>, a checkpoint.
    /// Default: none.
    /// </summary>
    public CancellationToken CancellationToken { get; set; }

    /// <summary>The options as they are now, whatever becomes of this object and of the lists in it.</summary>
    internal virtual TrainingOptions Copy()
    {
        var copy = (TrainingOptions)MemberwiseClone();
        copy.Devices = Devices is null ? null : [.. Devices];
        if (Architecture?.VisionLayers is { } layers)
        {
            copy.Architecture = Architecture with { VisionLayers = [.. layers] };
        }

        return copy;
    }

    /// <summary>The upper bound of s, as set or the objective's own.</summary>
    internal double LargestLogitScale => MaxLogitScale ?? Objective.Needs.MaxLogitScale;

    internal virtual void Validate()
    {
        ValidateModel();
        ValidateSteps();
        ValidateCourse();
    }

    private void ValidateModel()
    {
        Require(Activation is null || Enum.IsDefined(Activation.Value), Activation,
            "a value of the enumeration, or null");
        Require(Activation is null || Checkpoint is not null, Activation,
            $"null without a {nameof(Checkpoint)}: {nameof(Architecture)} has its own");
        Require(Architecture is not null, Architecture, "a ClipArchitecture");
        Architecture!.Validate();
        Require(Objective is not null, Objective, "a ContrastiveObjective");
        Objective!.Validate();
        Require(MaxLogitScale is null or >= 1, MaxLogitScale, "at least 1, or null");
        Require(
            InitialLogitScale is null || (InitialLogitScale is > 0 and < double.PositiveInfinity && InitialLogitScale <= LargestLogitScale),
            InitialLogitScale, $"above 0 and at most {nameof(MaxLogitScale)}, here {LargestLogitScale}, or null");
    }

    private void ValidateSteps()
    {
        Require(Epochs >= 1, Epochs, "at least 1");
        Require(MaxSteps is null or >= 1, MaxSteps, "at least 1, or null");
        Require(BatchSize >= 2, BatchSize, "at least 2: the objective contrasts the pairs of a batch");
        Require(MicroBatchSize is null or >= 1, MicroBatchSize, "at least 1, or null");
        Require(Devices is null or { Count: > 0 }, "empty", "at least one device, or null", nameof(Devices));
        Require(Enum.IsDefined(Precision), Precision, "a value of the enumeration");
        Require(LearningRate is null or (> 0 and < double.PositiveInfinity), LearningRate, "a positive number, or null");
        Require(WeightDecay is >= 0 and < double.PositiveInfinity, WeightDecay, "at least 0");
        Require(WarmupSteps is null or >= 0, WarmupSteps, "at least 0, or null");
        Require(MaxGradientNorm is null or (> 0 and < double.PositiveInfinity), MaxGradientNorm, "a positive number, or null");
        Require(!(FreezeImageTower && FreezeTextTower), FreezeTextTower,
            $"false with {nameof(FreezeImageTower)}: nothing would be left to train");
        Require(FrozenImageBlocks >= 0, FrozenImageBlocks, "at least 0");
        Require(FrozenTextBlocks >= 0, FrozenTextBlocks, "at least 0");
    }

    private void ValidateCourse()
    {
        Require(CaptionSampling is null || Enum.IsDefined(CaptionSampling.Value), CaptionSampling,
            "a value of the enumeration, or null");
        Require(MaxUnreadableShare is >= 0 and < 1, MaxUnreadableShare, "in [0, 1)");
        Require(Enum.IsDefined(ValidationMetric), ValidationMetric, "a value of the enumeration");
        Require(Patience is null or >= 1, Patience, "at least 1, or null");
        Require(CheckpointEverySteps is null or >= 1, CheckpointEverySteps, "at least 1, or null");
        Require(CheckpointEverySteps is null || CheckpointFolder is not null, CheckpointEverySteps,
            $"null without a {nameof(CheckpointFolder)}");
        Require(CheckpointsKept >= 1, CheckpointsKept, "at least 1");
    }

    private protected void Require(
        bool condition, object? found, string expected, [CallerArgumentExpression(nameof(found))] string name = "") =>
        OptionCheck.Require(condition, GetType().Name, name, found, expected);
}
