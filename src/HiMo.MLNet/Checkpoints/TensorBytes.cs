using TorchSharp;

namespace HiMo.MLNet.Checkpoints;

/// <summary>Access to a tensor's memory in spans, also for tensors beyond a span's 2 GiB.</summary>
internal static class TensorBytes
{
    private const long ChunkBytes = 1L << 30;

    /// <summary>Calls <paramref name="visit"/> with the bytes of a contiguous CPU tensor, front to back.</summary>
    internal static void ForEachChunk(torch.Tensor tensor, Action<Span<byte>> visit, long chunkBytes = ChunkBytes)
    {
        long count = tensor.numel();
        if (count == 0)
        {
            return;
        }

        long perChunk = chunkBytes / tensor.ElementSize;
        if (count <= perChunk)
        {
            visit(tensor.bytes);
            return;
        }

        using torch.Tensor flat = tensor.view(-1);
        for (long start = 0; start < count; start += perChunk)
        {
            using torch.Tensor chunk = flat.narrow(0, start, Math.Min(perChunk, count - start));
            visit(chunk.bytes);
        }
    }
}
