using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

internal static class Closeness
{
    /// <summary>Equal shapes, and no value further off than a share of the largest expected one. A stage goes into <see cref="Fidelity"/>.</summary>
    public static void Within(double share, Tensor expected, Tensor actual, string what, string? stage = null)
    {
        Assert.Equal(expected.numel(), actual.numel());
        if (expected.numel() > 1)
        {
            Assert.Equal(expected.shape, actual.shape);
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        Tensor wide = expected.to(ScalarType.Float64).flatten();
        double largest = wide.abs().max().item<double>();
        double difference = (actual.to(ScalarType.Float64).flatten() - wide).abs().max().item<double>();
        if (stage is not null)
        {
            Fidelity.Record(stage, expected.numel(), difference / largest, "of the largest value");
        }

        Assert.True(difference <= share * largest, $"{what}: off by {difference:g3}, the largest value is {largest:g3}, {share:g3} of it are allowed.");
    }
}
