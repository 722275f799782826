using HiMo.MLNet.Images;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Modeling;

/// <summary>Images as tensors.</summary>
internal static class ImageTensor
{
    /// <summary>Bytes to CLIP's normalised singles: (x / 255 − mean) / std by channel.</summary>
    /// <param name="bytes">(B, 3, n, n), bytes.</param>
    public static Tensor Normalize(Tensor bytes)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = tensor(ClipPreprocessor.Mean, device: bytes.device).view(3, 1, 1);
        Tensor std = tensor(ClipPreprocessor.Std, device: bytes.device).view(3, 1, 1);
        return bytes.to(ScalarType.Float32).Times(1 / 255.0).sub_(mean).div_(std).MoveToOuterDisposeScope();
    }
}
