using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// The heavy products of the networks (linear layers, convolutions, attention) in half precision, on the thread that asks
/// for it. Weights, layer norms, batch norms, residual sums and embeddings stay float32; so do losses, HiDe and the optimizer.
/// </summary>
/// <remarks>TorchSharp has no autocast.</remarks>
internal static class MixedPrecision
{
    [ThreadStatic]
    private static ScalarType? t_type;

    /// <summary>Makes this thread's heavy products run in a type, or in float32 with null, until the result is disposed.</summary>
    public static IDisposable Use(ScalarType? type)
    {
        var restore = new Restore(t_type);
        t_type = type;
        return restore;
    }

    private sealed class Restore(ScalarType? before) : IDisposable
    {
        public void Dispose() => t_type = before;
    }

    public static Tensor Linear(Tensor x, Tensor weight, Tensor bias) => t_type is { } type
        ? functional.linear(x.to(type), weight.to(type), bias.to(type))
        : functional.linear(x, weight, bias);

    public static Tensor MatMul(Tensor x, Tensor weight) => t_type is { } type ? x.to(type).matmul(weight.to(type)) : x.matmul(weight);

    /// <returns>float32: sums and norms follow.</returns>
    public static Tensor Convolve(Tensor x, Tensor weight, long[] stride, long[] padding) => t_type is { } type
        ? functional.conv2d(x.to(type), weight.to(type), null, stride, padding).to(ScalarType.Float32)
        : functional.conv2d(x, weight, null, stride, padding);
}
