using TorchSharp;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// Knowledge-preserving stretching of position embeddings (Long-CLIP, section 3.1): the first 20 positions, which
/// short captions have trained well, stay; the others are interpolated fourfold.
/// </summary>
internal static class PositionStretching
{
    private const int ShortLength = 77;
    private const int Kept = 20;
    private const int Factor = 4;

    /// <summary>Stretches the positions of a 77-token CLIP to 248.</summary>
    /// <param name="positions77">Position embeddings, [77, width], of any floating-point type.</param>
    /// <returns>
    /// A new tensor [248, width], computed in float32: rows 0 to 19 as they are; row 20+4i+k =
    /// (1 − k/4)·p[20+i] + (k/4)·p[21+i] for i = 0 to 55, k = 0 to 3; rows 244 to 247 continue the last step:
    /// p[76] + (k/4)·(p[76] − p[75]).
    /// </returns>
    /// <exception cref="ArgumentException">The shape is not [77, width], or the type is not a floating-point one.</exception>
    internal static torch.Tensor To248(torch.Tensor positions77)
    {
        ArgumentNullException.ThrowIfNull(positions77);
        if (positions77.shape is not [ShortLength, > 0] || !positions77.is_floating_point())
        {
            throw new ArgumentException(
                $"Expected position embeddings of shape [{ShortLength}, width] and a floating-point type, " +
                $"found {positions77.dtype} [{string.Join(", ", positions77.shape)}].",
                nameof(positions77));
        }

        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable noGradient = torch.no_grad();
        torch.Tensor positions = positions77.to(torch.ScalarType.Float32);
        long width = positions.shape[1];
        torch.Tensor fraction = Arithmetic.Range(Factor, positions.device).to(torch.ScalarType.Float32).Times(1.0 / Factor).view(1,
            Factor, 1);

        torch.Tensor here = positions.narrow(0, Kept, ShortLength - Kept - 1).unsqueeze(1);       // (56, 1, width)
        torch.Tensor next = positions.narrow(0, Kept + 1, ShortLength - Kept - 1).unsqueeze(1);   // (56, 1, width)
        torch.Tensor between = (fraction.Times(-1).Plus(1) * here).Plus(fraction * next);         // (56, 4, width)

        torch.Tensor last = positions.narrow(0, ShortLength - 1, 1).unsqueeze(1);                 // (1, 1, width)
        torch.Tensor previous = positions.narrow(0, ShortLength - 2, 1).unsqueeze(1);
        torch.Tensor beyond = last.Plus(fraction * (last - previous));                            // (1, 4, width)

        torch.Tensor stretched = torch.cat([positions.narrow(0, 0, Kept), between.view(-1, width), beyond.view(-1, width)], 0);
        return stretched.MoveToOuterDisposeScope();
    }
}
