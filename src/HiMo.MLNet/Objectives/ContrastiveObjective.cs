using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>
/// What training minimises: <see cref="ClipObjective"/>, <see cref="LongClipObjective"/>, <see cref="HiMoObjective"/> or
/// <see cref="SmartClipObjective"/>.
/// </summary>
/// <remarks>
/// Their equations share this notation: V, U (N × d) are the normalised embeddings of a batch's pictures and captions, s the
/// learned scale, CE the cross-entropy of rows with the pairs as targets, and C(A, B) = ½ [CE(s·A·Bᵀ) + CE(s·B·Aᵀ)].
/// Equal captions or equal pictures in a batch share their targets.
/// </remarks>
public abstract class ContrastiveObjective
{
    private protected ContrastiveObjective()
    {
    }

    /// <summary>Label smoothing of the cross-entropies, in [0, 1). Default: 0.1, as published.</summary>
    public double LabelSmoothing { get; init; } = 0.1;

    /// <summary>Which side of the similarity products receives a gradient. Default: <see cref="GradientPaths.Full"/>, as the equations say.</summary>
    public GradientPaths GradientPaths { get; init; } = GradientPaths.Full;

    internal virtual void Validate()
    {
        Require(LabelSmoothing is >= 0 and < 1, nameof(LabelSmoothing), LabelSmoothing, "in [0, 1)");
        Require(Enum.IsDefined(GradientPaths), nameof(GradientPaths), GradientPaths, "a value of the enumeration");
    }

    private protected void Require(bool condition, string name, object found, string expected) =>
        HiMoClipOptions.Require(condition, GetType().Name, name, found, expected);

    /// <summary>The part of a caption that a step sees where the options do not say.</summary>
    internal virtual CaptionSampling DefaultSampling => CaptionSampling.Whole;

    /// <summary>The captions that the objective reads of every pair.</summary>
    internal virtual IReadOnlyList<CaptionSampling> Captions(CaptionSampling sampling) => [sampling];

    /// <summary>A network that is trained along with the towers and not needed afterwards, or null.</summary>
    internal virtual MaskNetwork? CreateMaskNetwork(ClipArchitecture architecture) => null;

    /// <summary>The upper bound of s where the options do not say; infinite for none.</summary>
    internal virtual double DefaultMaxLogitScale => double.PositiveInfinity;

    /// <summary>The learning rate of that network.</summary>
    internal virtual double MaskLearningRate => 0;

    /// <param name="networks">The towers.</param>
    /// <param name="tokens">The tokens of <see cref="Captions"/>, (B, T) each.</param>
    /// <returns>What <see cref="Compute"/> needs of the texts; the first dimension of each is B.</returns>
    internal virtual Tensor[] EncodeTexts(NetworkReplica networks, IReadOnlyList<Tensor> tokens) => [.. tokens.Select(networks.Clip.EncodeText)];

    /// <param name="images">(N, d), raw image embeddings.</param>
    /// <param name="texts">What <see cref="EncodeTexts"/> gave for the whole batch, (N, d) each.</param>
    /// <param name="logitScale">ln s, a scalar.</param>
    /// <param name="batch">The batch, its caption and picture numbers on the device of the embeddings.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together; the message tells them.</exception>
    internal ObjectiveValue Compute(Tensor images, IReadOnlyList<Tensor> texts, Tensor logitScale, ContrastiveBatch batch)
    {
        // A mismatch inside the products would end the process, not throw.
        if (images.shape is not [> 0 and var n, > 0] || texts.Any(t => !t.shape.SequenceEqual(images.shape))
            || batch.Tokens.Any(t => t.shape is not [var captions, _] || captions != n) || batch.Pictures.shape is not [var pictures] || pictures != n)
        {
            throw new ArgumentException(
                $"{GetType().Name} takes image and text embeddings of one shape (N, d), N captions' tokens (N, T) and N picture numbers; these are "
                + $"{string.Join(", ", new[] { images }.Concat(texts).Concat(batch.Tokens).Append(batch.Pictures).Select(t => $"({string.Join(", ", t.shape)})"))}.");
        }

        return Loss(nn.functional.normalize(images, dim: 1), texts, logitScale.exp(),
            [.. batch.Captions.Select(captions => ContrastiveLoss.Targets(captions, batch.Pictures, LabelSmoothing))]);
    }

    /// <param name="v">V, (N, d), normalised.</param>
    /// <param name="texts">(N, d) each, not normalised.</param>
    /// <param name="scale">s.</param>
    /// <param name="targets">(N, N) for each of <see cref="Captions"/>.</param>
    private protected abstract ObjectiveValue Loss(Tensor v, IReadOnlyList<Tensor> texts, Tensor scale, IReadOnlyList<Tensor> targets);
}
