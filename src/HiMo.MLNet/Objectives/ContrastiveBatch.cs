using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>N pairs of a picture and a caption, ready for the networks.</summary>
/// <param name="Images">(N, 3, n, n), bytes.</param>
/// <param name="Tokens">One tensor for every caption that the objective reads of a pair, (N, T), int64, cut after the longest
/// caption's end token.</param>
/// <param name="Pictures">(N), int64: equal numbers for equal pictures.</param>
internal sealed record ContrastiveBatch(Tensor Images, IReadOnlyList<Tensor> Tokens, Tensor Pictures) : IDisposable
{
    public int Count => (int)Images.shape[0];

    public void Dispose()
    {
        Images.Dispose();
        foreach (Tensor tokens in Tokens)
        {
            tokens.Dispose();
        }

        Pictures.Dispose();
    }
}
