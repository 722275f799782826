using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class PositionStretchingTests
{
    [Fact]
    public void Keeps_twenty_positions_and_stretches_the_others_fourfold()
    {
        // One column counts the positions, the other is zero but for a bump of 8 at position 30 and of 4 at the last one.
        using DisposeScope scope = NewDisposeScope();
        Tensor short77 = zeros(77, 2);
        short77[.., 0] = arange(77, dtype: ScalarType.Float32);
        short77[30, 1] = 8;
        short77[76, 1] = 4;

        Tensor stretched = PositionStretching.To248(short77);

        Assert.Equal([248L, 2], stretched.shape);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (float)i), stretched[..20, 0].contiguous().data<float>());

        // Row 20 + 4i + k is position 20 + i + k/4; the last four go on in the same steps.
        Assert.Equal(Enumerable.Range(0, 228).Select(row => 20 + (row / 4f)), stretched[20.., 0].contiguous().data<float>());

        // Position 30 comes to lie on row 60.
        Assert.Equal([0f, 2, 4, 6, 8, 6, 4, 2, 0], stretched[56..65, 1].contiguous().data<float>());

        // Position 76 on row 244, beyond which the line from position 75 is continued.
        Assert.Equal([0f, 1, 2, 3, 4, 5, 6, 7], stretched[240.., 1].contiguous().data<float>());
    }

    [Fact]
    public void Computes_in_float32_whatever_the_input_and_leaves_it_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor half = randn(77, 8).to(ScalarType.Float16);
        Tensor copy = half.clone();

        Tensor stretched = PositionStretching.To248(half);

        Assert.Equal(ScalarType.Float32, stretched.dtype);
        TensorAssert.SameBits(PositionStretching.To248(half.to(ScalarType.Float32)), stretched);
        TensorAssert.SameBits(copy, half);
    }

    [Fact]
    public void Leaves_no_tensors_behind()
    {
        using Tensor input = randn(77, 4);
        using DisposeScope scope = NewDisposeScope();
        PositionStretching.To248(input);
        Assert.Equal(1, scope.DisposablesCount);
    }

    [Fact]
    public void Says_which_shape_it_expects()
    {
        using DisposeScope scope = NewDisposeScope();
        ArgumentException error = Assert.Throws<ArgumentException>(() => PositionStretching.To248(zeros(248, 4)));
        Assert.Contains("[77, width]", error.Message);
        Assert.Contains("[248, 4]", error.Message);
        Assert.Throws<ArgumentException>(() => PositionStretching.To248(zeros(77)));
        Assert.Throws<ArgumentException>(() => PositionStretching.To248(zeros(77, 4, dtype: ScalarType.Int64)));
    }
}
