using HiMo.MLNet.Modeling;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019, algorithm 2) with β = 0.9 and 0.999 and ε = 1e-8. Of a table of token embeddings only the rows that a
/// caption has reached are gone through, with the same result.
/// </summary>
/// <remarks>In place of TorchSharp's, whose numbers a garbage collection can free in the middle of a step: see
/// <see cref="Arithmetic"/>.</remarks>
internal sealed class AdamW : IDisposable
{
    private const double Beta1 = 0.9, Beta2 = 0.999, Epsilon = 1e-8;
    private const long BlockElements = 1 << 16;

    /// <summary>A parameter with its running averages.</summary>
    /// <param name="Name">Its name.</param>
    /// <param name="Parameter">It.</param>
    /// <param name="Rate">Its learning rate, before the schedule.</param>
    /// <param name="Average">Of the gradient.</param>
    /// <param name="Square">Of the gradient's square.</param>
    internal sealed record State(string Name, Parameter Parameter, double Rate, Tensor Average, Tensor Square)
    {
        /// <summary>Of a large table on a CPU; null of others.</summary>
        public ReachedRows? Reached { get; } =
            IsInBlocks(Parameter) && Parameter.dim() == 2 ? new(Average, Square) : null;
    }

    private readonly double _weightDecay;

    /// <param name="parameters">Names, parameters and their learning rates.</param>
    /// <param name="weightDecay">Decoupled, at least 0.</param>
    public AdamW(IEnumerable<(string Name, Parameter Parameter, double Rate)> parameters, double weightDecay)
    {
        _weightDecay = weightDecay;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        States = [.. parameters.Select(p => new State(p.Name, p.Parameter, p.Rate,
            zeros_like(p.Parameter).DetachFromDisposeScope(), zeros_like(p.Parameter).DetachFromDisposeScope()))];
        ZeroGradients();
    }

    public IReadOnlyList<State> States { get; }

    /// <summary>Steps done.</summary>
    public int Steps { get; set; }

    public IEnumerable<Parameter> Parameters => States.Select(s => s.Parameter);

    /// <summary>Zeros, not nothing: a parameter that a batch does not reach decays all the same.</summary>
    public void ZeroGradients()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        foreach (State state in States)
        {
            if (state.Parameter.grad is { } gradient)
            {
                gradient.zero_();
            }
            else
            {
                state.Parameter.grad = zeros_like(state.Parameter);
            }
        }
    }

    /// <param name="factor">The schedule's factor on the rates.</param>
    public void Step(double factor)
    {
        Steps++;
        using IDisposable _ = no_grad();
        foreach (State state in States)
        {
            using DisposeScope scope = NewDisposeScope();
            double rate = state.Rate * factor, decay = 1 - rate * _weightDecay;
            if (state.Reached?.With(state.Parameter.grad!) is { } reached)
            {
                Arithmetic.Scale(state.Parameter, decay);
                foreach (Tensor rows in reached.split(RowsOfBlock(state.Parameter)))
                {
                    Move(state, rows, rate);
                }
            }
            else
            {
                foreach ((long first, long count) in Blocks(state.Parameter))
                {
                    using DisposeScope block = NewDisposeScope();
                    Tensor Block(Tensor whole) => count == 0 ? whole : whole.narrow(0, first, count);
                    Tensor parameter = Arithmetic.Scale(Block(state.Parameter), decay);
                    Move(parameter, Block(state.Parameter.grad!), Block(state.Average), Block(state.Square), rate);
                }
            }
        }
    }

    private void Move(State state, Tensor rows, double rate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor Select(Tensor whole) => whole.index_select(0, rows);
        Tensor parameter = Select(state.Parameter), average = Select(state.Average), square = Select(state.Square);
        Move(parameter, Select(state.Parameter.grad!), average, square, rate);
        state.Parameter.index_copy_(0, rows, parameter);
        state.Average.index_copy_(0, rows, average);
        state.Square.index_copy_(0, rows, square);
    }

    private void Move(Tensor parameter, Tensor gradient, Tensor average, Tensor square, double rate)
    {
        double bias1 = 1 - Math.Pow(Beta1, Steps), bias2 = 1 - Math.Pow(Beta2, Steps);
        Arithmetic.Add(Arithmetic.Scale(average, Beta1), gradient, 1 - Beta1);
        Arithmetic.AddProduct(Arithmetic.Scale(square, Beta2), gradient, gradient, 1 - Beta2);
        Tensor root = Arithmetic.Scale(square.sqrt(), 1 / Math.Sqrt(bias2));
        Arithmetic.AddQuotient(parameter, average, Arithmetic.Raise(root, Epsilon), -rate / bias1);
    }

    // On a CPU, rows that stay in its cache from the first of these operations to the last; otherwise the whole, as (0, 0).
    private static IEnumerable<(long First, long Count)> Blocks(Tensor tensor)
    {
        long rows = IsInBlocks(tensor) ? tensor.shape[0] : 0, most = rows == 0 ? 1 : RowsOfBlock(tensor);
        for (long first = 0; first == 0 || first < rows; first += most)
        {
            yield return (first, Math.Min(most, rows - first));
        }
    }

    private static long RowsOfBlock(Tensor tensor) => Math.Max(1, BlockElements * tensor.shape[0] / tensor.numel());

    private static bool IsInBlocks(Tensor tensor) => tensor.device_type == DeviceType.CPU && tensor.numel() > BlockElements;

    public void Dispose()
    {
        foreach (State state in States)
        {
            state.Reached?.Dispose();
            state.Average.Dispose();
            state.Square.Dispose();
        }
    }
}
