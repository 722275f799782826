using HiMo.MLNet.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Training;

/// <summary>What happens to gradients between the backward pass and the optimizer.</summary>
public sealed class GradientsTests
{
    private static Parameter With(params float[] gradient)
    {
        Parameter parameter = nn.Parameter(zeros(gradient.Length));
        parameter.grad = tensor(gradient);
        return parameter;
    }

    private static float[] Gradient(Parameter parameter) => parameter.grad!.data<float>().ToArray();

    [Fact]
    public void The_norm_is_that_of_all_gradients_together()
    {
        using DisposeScope scope = NewDisposeScope();

        Assert.Equal(13, GradientNorm.Of([With(3, 4), nn.Parameter(zeros(2)), With(12)]), 5);
        Assert.Equal(0, GradientNorm.Of([nn.Parameter(zeros(2))]));
        Assert.False(double.IsFinite(GradientNorm.Of([With(3, float.NaN), With(12)])));
    }

    [Fact]
    public void Longer_gradients_are_scaled_down_and_shorter_ones_stay()
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter first = With(3, 4), none = nn.Parameter(zeros(2)), second = With(12);

        GradientNorm.Clip([first, none, second], norm: 13, largest: 26);
        Assert.Equal([3, 4], Gradient(first));

        GradientNorm.Clip([first, none, second], norm: 13, largest: 6.5);
        Assert.Equal([1.5f, 2], Gradient(first));
        Assert.Equal([6], Gradient(second));
    }

    [Fact]
    public void The_loss_scale_is_divided_out_again()
    {
        using DisposeScope scope = NewDisposeScope();
        var scale = new LossScale(4, steadySteps: 7);
        Parameter first = With(8, -4), second = With(2);

        Assert.True(scale.Unscale([first, nn.Parameter(zeros(1)), second]));

        Assert.Equal([2, -1], Gradient(first));
        Assert.Equal([0.5f], Gradient(second));
        Assert.Equal((4, 8), (scale.Value, scale.SteadySteps));
    }

    [Theory]
    [InlineData(float.PositiveInfinity, 4.0, 2.0)]
    [InlineData(float.NaN, 4.0, 2.0)]
    [InlineData(float.NaN, 1.5, 1.0)]                                         // no lower than 1
    public void The_loss_scale_halves_when_a_gradient_overflows(float gradient, double before, double after)
    {
        using DisposeScope scope = NewDisposeScope();
        var scale = new LossScale(before, steadySteps: 1_999);

        Assert.False(scale.Unscale([With(1), With(gradient)]));

        Assert.Equal((after, 0), (scale.Value, scale.SteadySteps));
    }

    [Fact]
    public void The_loss_scale_doubles_after_2000_steps_without()
    {
        using DisposeScope scope = NewDisposeScope();
        var scale = new LossScale(4, steadySteps: 1_998);

        Assert.True(scale.Unscale([With(1)]));
        Assert.Equal((4, 1_999), (scale.Value, scale.SteadySteps));

        Assert.True(scale.Unscale([With(1)]));
        Assert.Equal((8, 0), (scale.Value, scale.SteadySteps));
    }
}
