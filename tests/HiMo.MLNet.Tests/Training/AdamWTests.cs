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
    public void A_parameter_that_no_batch_reaches_decays()
    {
        using DisposeScope scope = NewDisposeScope();
        Parameter weight = nn.Parameter(tensor(2.0));
        using var optimizer = new AdamW([("weight", weight, 0.1)], weightDecay: 0.5);

        optimizer.Step(factor: 1);
        Assert.Equal(2 * 0.95, weight.item<double>(), 1e-12);

        weight.grad = tensor(3.0);
        optimizer.ZeroGradients();
        optimizer.Step(factor: 1);
        Assert.Equal(2 * 0.95 * 0.95, weight.item<double>(), 1e-12);
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

    [Theory]
    [InlineData(7)]
    [InlineData(900)]
    public void A_large_table_moves_as_its_parts_do_also_in_a_training_that_goes_on(int reachedAStep)
    {
        const int Rows = 2000, Columns = 64, Parts = 4;
        using DisposeScope scope = NewDisposeScope();
        var random = new Random(1);
        using var start = new Generator(2);
        Tensor values = randn(Rows, Columns, generator: start);
        Parameter table = nn.Parameter(values.clone());
        Parameter[] parts = [.. values.chunk(Parts).Select(part => nn.Parameter(part.clone()))];
        var whole = new AdamW([("table", table, 0.01)], weightDecay: 0.1);
        using var small = new AdamW(parts.Select((part, i) => ($"part {i}", part, 0.01)), weightDecay: 0.1);
        Assert.NotNull(whole.States[0].Reached);
        Assert.All(small.States, state => Assert.Null(state.Reached));
        for (int step = 0; step < 20; step++)
        {
            if (step == 10)
            {
                whole = Resumed(whole, table);
            }

            table.grad = zeros(Rows, Columns);
            for (int i = 0; i < reachedAStep; i++)
            {
                table.grad[random.Next(Rows)] = randn(Columns, generator: start);
            }

            foreach ((Parameter part, Tensor gradient) in parts.Zip(table.grad.chunk(Parts)))
            {
                part.grad = gradient.clone();
            }

            whole.Step(factor: 0.5);
            small.Step(factor: 0.5);

            Assert.Equal(cat(parts).data<float>().ToArray(), table.data<float>().ToArray());
        }

        whole.Dispose();
    }

    private static AdamW Resumed(AdamW before, Parameter table)
    {
        var after = new AdamW([("table", table, 0.01)], weightDecay: 0.1) { Steps = before.Steps };
        after.States[0].Average.copy_(before.States[0].Average);
        after.States[0].Square.copy_(before.States[0].Square);
        before.Dispose();
        return after;
    }

    [Fact]
    public void Rows_are_reached_once_and_for_all_until_they_are_most()
    {
        using DisposeScope scope = NewDisposeScope();
        using var reached = new ReachedRows(zeros(6, 2), zeros(6, 2));
        Tensor With(params (int Row, float Value)[] gradient)
        {
            Tensor rows = zeros(6, 2);
            foreach ((int row, float value) in gradient)
            {
                rows[row, 1] = tensor(value);
            }

            return reached.With(rows)!;
        }

        Assert.Equal([4L], With((4, -1e-30f)).data<long>().ToArray());
        Assert.Equal([1L, 4L], With((1, 2)).data<long>().ToArray());
        Assert.Equal([1L, 2L, 4L], With((1, 1), (2, 1)).data<long>().ToArray());
        Assert.Null(With((0, 1)));
        Assert.Null(With());
    }
}
