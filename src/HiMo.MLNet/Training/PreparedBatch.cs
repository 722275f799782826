using HiMo.MLNet.Objectives;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>A batch in managed memory, as worker threads prepare it; the training's own thread makes the tensors.</summary>
/// <param name="Count">N.</param>
/// <param name="ImageSize">n.</param>
/// <param name="Pixels">N × 3 × n × n bytes, and perhaps more after them.</param>
/// <param name="Tokens">For every caption that the objective reads of a pair, N rows of equal length.</param>
/// <param name="ImageIds">Equal numbers for equal images.</param>
internal sealed record PreparedBatch(int Count, int ImageSize, byte[] Pixels, IReadOnlyList<long[]> Tokens, long[] ImageIds)
{
    /// <summary>What the other ranks have to know of these pairs; null where one process has the whole batch.</summary>
    public SharedRows? Shared { get; init; }

    /// <summary>The caller disposes them.</summary>
    public ContrastiveBatch ToTensors()
    {
        int length = Count * 3 * ImageSize * ImageSize;
        byte[] pixels = length == Pixels.Length ? Pixels : Pixels[..length];
        return new(tensor(pixels, Count, 3, ImageSize, ImageSize, dtype: ScalarType.Byte),
            [.. Tokens.Select(rows => tensor(rows, Count, rows.Length / Count))], tensor(ImageIds));
    }
}
