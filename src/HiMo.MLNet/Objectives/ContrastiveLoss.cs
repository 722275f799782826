using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>
/// The symmetric contrastive loss C(A, B) = ½ [CE(s·A·Bᵀ) + CE(s·B·Aᵀ)] of CLIP, with label smoothing.
/// </summary>
internal static class ContrastiveLoss
{
    /// <param name="images">A, (N, d).</param>
    /// <param name="texts">B, (N, d).</param>
    /// <param name="scale">s, a scalar.</param>
    /// <param name="targets">(N, N), rows summing to 1; see <see cref="Targets"/>.</param>
    /// <param name="paths">Which side of every product carries a gradient.</param>
    /// <returns>A scalar.</returns>
    public static Tensor Compute(Tensor images, Tensor texts, Tensor scale, Tensor targets, GradientPaths paths)
    {
        Tensor imageToText = CrossEntropy(scale * images.matmul(Gathered(texts, paths).t()), targets);   // (N, N)
        Tensor textToImage = CrossEntropy(scale * texts.matmul(Gathered(images, paths).t()), targets);
        return imageToText.Plus(textToImage).Times(0.5);
    }

    /// <summary>The side of a product that the others' pairs bring along.</summary>
    public static Tensor Gathered(Tensor embeddings, GradientPaths paths) => paths == GradientPaths.Full ? embeddings : embeddings.detach();

    /// <param name="logits">(N, N).</param>
    /// <param name="targets">(N, N), rows summing to 1.</param>
    /// <returns>The mean over the rows, a scalar.</returns>
    public static Tensor CrossEntropy(Tensor logits, Tensor targets) =>
        -(targets * nn.functional.log_softmax(logits, 1)).sum(1).mean();

    /// <summary>
    /// The target distribution of every row: its own column, shared with the columns of equal captions and of equal images
    /// (which would otherwise be pushed away from a text that describes them just as well), then smoothed.
    /// </summary>
    /// <param name="captions">(N), equal numbers for equal captions.</param>
    /// <param name="images">(N), equal numbers for equal images.</param>
    /// <param name="smoothing">The share of the target spread evenly over all columns.</param>
    /// <returns>(N, N): where captions and images differ, (1 − smoothing) on the diagonal, plus smoothing / N everywhere.</returns>
    public static Tensor Targets(Tensor captions, Tensor images, double smoothing)
    {
        Tensor same = captions.unsqueeze(0).eq(captions.unsqueeze(1))
            .logical_or(images.unsqueeze(0).eq(images.unsqueeze(1))).to(ScalarType.Float32);   // (N, N)
        return (same.Times(1 - smoothing) / same.sum(1, keepdim: true)).Plus(smoothing / captions.shape[0]);
    }
}
