using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;
using Parameter = TorchSharp.Modules.Parameter;

namespace HiMo.MLNet.Tests.Training;

/// <summary>What <see cref="AdamWGoldenTests"/> does not see of the optimiser.</summary>
public sealed class AdamWTests
{
    [Fact]
    public void Gradients_as_small_as_epsilon_give_half_a_step()
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter weight = nn.Parameter(tensor(0.0));
        using var optimizer = new AdamW([("weight", weight, 1)], weightDecay: 0);

        weight.grad = tensor(1e-8);
        optimizer.Step(factor: 1);

        Assert.Equal(-0.5, weight.item<double>(), 1e-8);
    }

    [Fact]
    public void Its_averages_go_with_it()
    {
        using Parameter weight = nn.Parameter(tensor(1.0));
        var optimizer = new AdamW([("weight", weight, 0.1)], weightDecay: 0);
        AdamW.State state = Assert.Single(optimizer.States);

        optimizer.Dispose();

        Assert.True(state.Average.IsInvalid && state.Square.IsInvalid);
        Assert.False(weight.IsInvalid);
    }
}
