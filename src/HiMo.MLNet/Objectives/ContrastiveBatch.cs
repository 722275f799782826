using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>N pairs of an image and a caption, ready for the networks.</summary>
/// <param name="Images">(N, 3, n, n), bytes.</param>
/// <param name="Tokens">One tensor for every caption that the objective reads of a pair, (N, T), int64, cut after the longest
/// caption's end token.</param>
/// <param name="ImageIds">(N), int64: equal numbers for equal images.</param>
internal sealed record ContrastiveBatch(Tensor Images, IReadOnlyList<Tensor> Tokens, Tensor ImageIds) : IDisposable
{
    public int Count => (int)Images.shape[0];

    /// <summary>For each of <see cref="Tokens"/>, (N), int64: equal numbers for equal captions.</summary>
    public IReadOnlyList<Tensor> Captions { get; init; } = [.. Tokens.Select(NumberRows)];

    private static Tensor NumberRows(Tensor tokens)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] ids = tokens.cpu().contiguous().data<long>().ToArray();
        int length = (int)tokens.shape[1];
        var numbers = new Dictionary<string, long>(StringComparer.Ordinal);
        long[] rows = new long[tokens.shape[0]];
        for (int i = 0; i < rows.Length; i++)
        {
            string row = new(MemoryMarshal.Cast<long, char>(ids.AsSpan(i * length, length)));
            rows[i] = numbers.TryAdd(row, i) ? i : numbers[row];
        }

        return tensor(rows).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (Tensor tensor in (Tensor[])[Images, .. Tokens, .. Captions, ImageIds])
        {
            tensor.Dispose();
        }
    }
}
