using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

public sealed class TransformerTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_last_block_at_one_position_equals_the_whole_block_read_there(bool causal)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        random.manual_seed(8);
        var transformer = new Transformer(new BlockSizes(128, 64, 512, ClipActivation.QuickGelu), layers: 3, causal);
        using var generator = new Generator(8);
        transformer.Initialize(128, 3, generator);
        Tensor x = randn(5, 11, 128);
        Tensor position = tensor(new long[] { 0, 3, 10, 7, 1 });

        Tensor at = transformer.ForwardAt(x, position);
        Tensor whole = transformer.forward(x);

        for (int row = 0; row < 5; row++)
        {
            Tensor expected = whole[row, position[row].item<long>()];
            Assert.InRange((at[row] - expected).abs().max().item<float>(), 0, 1e-6f * Math.Max(1, expected.abs().max().item<float>()));
        }
    }
}
