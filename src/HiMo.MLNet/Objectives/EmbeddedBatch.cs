using static TorchSharp.torch;

namespace HiMo.MLNet;

/// <summary>N pairs of an image and a caption, as an objective sees them. The tensors are the training's: do not dispose of
/// them.</summary>
/// <param name="Images">V, (N, d), rows of length 1.</param>
/// <param name="Texts">U, (N, d), rows of length 1: one for each caption that the objective reads of a pair.</param>
/// <param name="Scale">s, the scale of the logits, a scalar.</param>
/// <param name="Targets">
/// For each of <paramref name="Texts"/>, (N, N): the targets of every row, which sum to 1. Equal captions and equal images share
/// theirs, smoothing included.
/// </param>
/// <param name="Masks">m, (N, d), in {0, 1}: what the mask network reads off the first caption; null without one.</param>
public sealed record EmbeddedBatch(
    Tensor Images, IReadOnlyList<Tensor> Texts, Tensor Scale, IReadOnlyList<Tensor> Targets, Tensor? Masks = null);
