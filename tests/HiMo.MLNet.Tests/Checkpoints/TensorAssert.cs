using TorchSharp;

namespace HiMo.MLNet.Tests.Checkpoints;

internal static class TensorAssert
{
    /// <summary>Equal type, shape and bits, so that NaN equals NaN and −0 differs from 0.</summary>
    internal static void SameBits(torch.Tensor expected, torch.Tensor actual)
    {
        Assert.Equal(expected.dtype, actual.dtype);
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(actual.is_contiguous());
        using torch.Tensor dense = expected.contiguous();
        Assert.True(expected.numel() == 0 || dense.bytes.SequenceEqual(actual.bytes));
    }
}
