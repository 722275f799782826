using HiMo.MLNet.Modeling;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>The norm of all gradients together.</summary>
internal static class GradientNorm
{
    /// <returns>Not finite where one of the gradients is not, or overflows when squared.</returns>
    public static double Of(IEnumerable<Parameter> parameters)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        Tensor[] norms = [.. parameters.Select(p => p.grad).OfType<Tensor>().Select(gradient => gradient.norm())];
        return norms.Length == 0 ? 0 : stack(norms, 0).norm().item<float>();
    }

    /// <summary>Scales longer gradients down to a norm.</summary>
    /// <param name="parameters">Whose gradients.</param>
    /// <param name="norm">Theirs, as <see cref="Of"/> says.</param>
    /// <param name="largest">The norm.</param>
    public static void Clip(IEnumerable<Parameter> parameters, double norm, double largest)
    {
        if (norm <= largest)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        foreach (Tensor gradient in parameters.Select(p => p.grad).OfType<Tensor>())
        {
            Arithmetic.Scale(gradient, largest / norm);
        }
    }
}
