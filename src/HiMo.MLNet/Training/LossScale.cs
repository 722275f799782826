using HiMo.MLNet.Modeling;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// The factor on the loss that keeps float16's small gradients from vanishing (Micikevicius et al. 2018). It halves when a
/// gradient overflows, whose step is left out, and doubles after 2,000 steps without.
/// </summary>
internal sealed class LossScale(double value, int steadySteps)
{
    public const double Initial = 65_536;

    private const int GrowAfter = 2_000;

    public double Value { get; private set; } = value;

    /// <summary>Steps since the last overflow or growth.</summary>
    public int SteadySteps { get; private set; } = steadySteps;

    /// <summary>Divides the gradients by the scale.</summary>
    /// <returns>Whether they are finite.</returns>
    public bool Unscale(IEnumerable<Parameter> parameters)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        Tensor[] gradients = [.. parameters.Select(p => p.grad).OfType<Tensor>()];
        Tensor sum = zeros([], dtype: ScalarType.Float32, device: gradients[0].device);
        foreach (Tensor gradient in gradients)
        {
            Arithmetic.Add(sum, Arithmetic.Scale(gradient, 1 / Value).sum());
        }

        bool finite = float.IsFinite(sum.item<float>());
        SteadySteps = finite ? SteadySteps + 1 : 0;
        if (!finite)
        {
            Value = Math.Max(1, Value / 2);
        }
        else if (SteadySteps == GrowAfter)
        {
            (Value, SteadySteps) = (Value * 2, 0);
        }

        return finite;
    }
}
