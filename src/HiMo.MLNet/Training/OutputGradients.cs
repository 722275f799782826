using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>What an objective makes of a batch's embeddings.</summary>
/// <param name="Result">The loss.</param>
/// <param name="Images">Its gradient with respect to the image embeddings, (N, d); null where it has none.</param>
/// <param name="Texts">Those with respect to the texts' embeddings and the masks.</param>
internal sealed record OutputGradients(StepResult Result, Tensor? Images, IReadOnlyList<Tensor?> Texts)
{
    /// <summary>Both.</summary>
    public IReadOnlyList<Tensor?> All => [Images, .. Texts];
}
