namespace HiMo.MLNet;

/// <summary>
/// The settings that HiMo-CLIP, Long-CLIP and SmartCLIP were trained with, to fine-tune a checkpoint with them. Change any of them
/// on the result.
/// </summary>
/// <remarks>
/// What all share: ShareGPT4V's captions with their line ends as blanks, 1,000 pairs of it kept for validation (bring data of your
/// own as they are); AdamW with β = 0.9 and 0.999 and ε = 1e-8 (always here); a rate of 1e-6, 200 steps of warm-up and a cosine to
/// 0, a weight decay of 1e-2 on every trained parameter; label smoothing 0.1; s reset to e^4.6052, just above 100, trained and not
/// bounded; the first 20 positions of a 77-token CLIP left as they are; no augmentation and no bound on gradients; float16 with a
/// scaled loss, which is for GPUs: set <see cref="TrainingOptions.Precision"/> to <see cref="TrainingPrecision.Float32"/> on a CPU.
/// Batches are those of all GPUs together: set <see cref="TrainingOptions.MicroBatchSize"/> for the memory at hand.
/// <para>
/// What differs here in any case: principal components are of the whole batch, as the equations say; the published code of
/// HiMo-CLIP and Long-CLIP takes those of each GPU's own share (128 of 1,024). Equal captions, and captions of one image, in a
/// batch share their targets; there they are told apart.
/// </para>
/// </remarks>
public static class HiMoClipPublishedOptions
{
    /// <summary>ln s at the beginning: <c>--log_scale</c> of the training scripts.</summary>
    private const double LogScale = 4.6052;

    /// <summary>
    /// HiMo-CLIP: batches of 1,024 (8 GPUs × 128) for 10 epochs, τ = 0.9, λ = 1 (the paper's implementation details; <c>run_train.sh</c>
    /// of the published code, whose own defaults of 2 epochs and τ = 0.85 it overrides).
    /// </summary>
    /// <remarks>
    /// <see cref="GradientPaths.LocalOnly"/>, since the published code gathers the other GPUs' embeddings without a gradient
    /// (<c>all_gather_with_grad</c> in <c>model_himo.py</c>, despite its name); the equations give both sides one:
    /// <c>options.Objective = new HiMoObjective()</c>.
    /// </remarks>
    /// <param name="checkpoint">The CLIP to fine-tune; published: ViT-L/14 and ViT-B/16 of OpenAI.</param>
    public static HiMoClipOptions HiMoClip(string checkpoint) => Shared(checkpoint, epochs: 10, batchSize: 1024,
        new HiMoObjective { VarianceRatio = 0.9, ComponentWeight = 1, GradientPaths = GradientPaths.LocalOnly });

    /// <summary>
    /// Long-CLIP: batches of 2,048 for 6 epochs, 32 principal components of the images (the table in <c>train/train.md</c> of the
    /// published code, which also corrects the paper's learning rate to 1e-6). The short caption is what precedes the first ". ".
    /// </summary>
    /// <remarks>Both sides receive gradients, as the published code gathers with them.</remarks>
    /// <param name="checkpoint">The CLIP to fine-tune; published: ViT-L/14 and ViT-B/16 of OpenAI.</param>
    public static HiMoClipOptions LongClip(string checkpoint) =>
        Shared(checkpoint, epochs: 6, batchSize: 2048, new LongClipObjective { ImageComponents = 32 });

    /// <summary>
    /// SmartCLIP: batches of 1,024, a rate of 1e-3 for the mask network, one of whole caption, first sentence and sentence subset
    /// a step (the paper's implementation details).
    /// </summary>
    /// <remarks>
    /// Not published where it could be found, and this library's own: the weight of the mask's sparsity
    /// (<see cref="SmartClipObjective.SparsityWeight"/> = 0.1), λ_align = 1 (0.1 to 20 are reported as stable), that all masks begin
    /// open; and taken from HiMo-CLIP, whose data it shares: 10 epochs, the warm-up, weight decay, label smoothing, the beginning of s,
    /// the precision.
    /// </remarks>
    /// <param name="checkpoint">The CLIP to fine-tune; published: ViT-L/14 and ViT-B/16 of OpenAI.</param>
    public static HiMoClipOptions SmartClip(string checkpoint)
    {
        HiMoClipOptions options = Shared(checkpoint, epochs: 10, batchSize: 1024,
            new SmartClipObjective { AlignmentWeight = 1, SparsityWeight = 0.1, MaskNetworkLearningRate = 1e-3 });
        options.CaptionSampling = CaptionSampling.Mixed;
        return options;
    }

    private static HiMoClipOptions Shared(string checkpoint, int epochs, int batchSize, ContrastiveObjective objective)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(checkpoint);
        return new()
        {
            Checkpoint = checkpoint,
            Objective = objective,
            Epochs = epochs,
            BatchSize = batchSize,
            LearningRate = 1e-6,
            WarmupSteps = 200,
            WeightDecay = 1e-2,
            InitialLogitScale = Math.Exp(LogScale),
            MaxLogitScale = double.PositiveInfinity,
            Precision = TrainingPrecision.Float16,
            CaptionSampling = CaptionSampling.Whole,
        };
    }
}
