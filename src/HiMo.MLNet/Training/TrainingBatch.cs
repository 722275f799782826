using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A batch ready for the networks.</summary>
/// <param name="Images">(N, 3, n, n), bytes.</param>
/// <param name="Tokens">(N, T), int64, cut after the longest caption's end token.</param>
internal sealed record TrainingBatch(Tensor Images, Tensor Tokens) : IDisposable
{
    public int Count => (int)Images.shape[0];

    public void Dispose()
    {
        Images.Dispose();
        Tokens.Dispose();
    }
}
