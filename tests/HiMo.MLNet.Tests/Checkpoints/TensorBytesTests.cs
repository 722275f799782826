using HiMo.MLNet.Checkpoints;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class TensorBytesTests
{
    [Fact]
    public void Visits_a_large_tensor_in_chunks_from_front_to_back()
    {
        using Tensor tensor = arange(10, dtype: ScalarType.Int16).view(2, 5);
        var chunks = new List<byte[]>();
        TensorBytes.ForEachChunk(tensor, bytes => chunks.Add(bytes.ToArray()), chunkBytes: 8);
        Assert.Equal([8, 8, 4], chunks.Select(chunk => chunk.Length));
        Assert.Equal(tensor.bytes.ToArray(), chunks.SelectMany(chunk => chunk));
    }
}
