using System.Runtime.CompilerServices;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// What training minimises, a loss of a batch's embeddings: <see cref="ClipObjective"/>, <see cref="LongClipObjective"/>,
/// <see cref="HiMoObjective"/>, <see cref="SmartClipObjective"/> or one of your own.
/// </summary>
/// <remarks>
/// <para>
/// Their equations share this notation: V, U (N × d) are the normalised embeddings of a batch's images and captions, s the
/// learned scale, CE the cross-entropy of rows with the pairs as targets, and C(A, B) = ½ [CE(s·A·Bᵀ) + CE(s·B·Aᵀ)].
/// Equal captions or equal images in a batch share their targets.
/// </para>
/// <para>
/// An objective of your own overrides <see cref="Loss"/>, and <see cref="Needs"/> if whole captions are not all that it reads. Its
/// settings are public properties: training checkpoints remember them.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// sealed class ImageToTextObjective : ContrastiveObjective
/// {
///     protected override ObjectiveValue Loss(EmbeddedBatch batch)
///     {
///         Tensor logits = batch.Scale * batch.Images.matmul(batch.Texts[0].t());
///         Tensor loss = -(batch.Targets[0] * logits.log_softmax(1)).sum(1).mean();
///         return new(loss, [("image to text", loss)]);
///     }
/// }
/// </code>
/// </example>
public abstract class ContrastiveObjective
{
    /// <summary>Label smoothing of the cross-entropies, in [0, 1). Default: 0.1, as published.</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Which side of the similarity products receives a gradient. Default: <see cref="GradientPaths.Full"/>, as the equations
    /// say.</summary>
    public GradientPaths GradientPaths { get; init; } = GradientPaths.Full;

    /// <summary>What the objective reads of a pair, and what it asks of the training. Default: the whole caption, nothing else.</summary>
    protected internal virtual ObjectiveNeeds Needs { get; } = new();

    /// <summary>The loss of a batch. Tensors made here are freed at the end of the step.</summary>
    /// <param name="batch">The embeddings and their targets.</param>
    protected abstract ObjectiveValue Loss(EmbeddedBatch batch);

    /// <summary>C(A, B), the symmetric contrastive loss of CLIP with the targets given.</summary>
    /// <param name="images">A, (N, d).</param>
    /// <param name="texts">B, (N, d).</param>
    /// <param name="scale">s, a scalar.</param>
    /// <param name="targets">(N, N), rows summing to 1.</param>
    /// <returns>A scalar.</returns>
    protected Tensor Contrast(Tensor images, Tensor texts, Tensor scale, Tensor targets) =>
        ContrastiveLoss.Compute(images, texts, scale, targets, GradientPaths);

    internal virtual void Validate()
    {
        Require(LabelSmoothing is >= 0 and < 1, LabelSmoothing, "in [0, 1)");
        Require(Enum.IsDefined(GradientPaths), GradientPaths, "a value of the enumeration");
    }

    private protected void Require(
        bool condition, object found, string expected, [CallerArgumentExpression(nameof(found))] string name = "") =>
        OptionCheck.Require(condition, GetType().Name, name, found, expected);

    /// <param name="images">(N, d), raw image embeddings.</param>
    /// <param name="texts">(N, d) for each caption of <see cref="Needs"/>, raw; then (N, d), the masks, where it needs them.</param>
    /// <param name="logitScale">ln s, a scalar.</param>
    /// <param name="batch">The batch, its caption and image numbers on the device of the embeddings.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together; the message tells them.</exception>
    internal ObjectiveValue Compute(Tensor images, IReadOnlyList<Tensor> texts, Tensor logitScale, ContrastiveBatch batch)
    {
        // A mismatch inside the products would end the process, not throw.
        if (images.shape is not [> 0 and var n, > 0] || texts.Any(t => !t.shape.SequenceEqual(images.shape))
            || batch.Tokens.Any(t => t.shape is not [var captions, _] || captions != n) || batch.ImageIds.shape is not [var ids]
            || ids != n)
        {
            IEnumerable<Tensor> found = [images, .. texts, .. batch.Tokens, batch.ImageIds];
            throw new ArgumentException(
                $"{GetType().Name} takes image and text embeddings of one shape (N, d), N captions' tokens (N, T) and N image numbers; "
                + $"these are {string.Join(", ", found.Select(t => $"({string.Join(", ", t.shape)})"))}.");
        }

        ObjectiveValue value = Loss(new(
            nn.functional.normalize(images, dim: 1),
            [.. texts.Take(batch.Tokens.Count).Select(text => nn.functional.normalize(text, dim: 1))],
            logitScale.exp(),
            [.. batch.Captions.Select(captions => ContrastiveLoss.Targets(captions, batch.ImageIds, LabelSmoothing))],
            texts.Skip(batch.Tokens.Count).FirstOrDefault()));
        return value.Total.numel() == 1 ? value
            : throw new ArgumentException(
                $"{GetType().Name}: expected a loss of one number, found one of shape ({string.Join(", ", value.Total.shape)}).");
    }
}
