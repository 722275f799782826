using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Modeling;

/// <summary>Where numbers meet tensors: arithmetic, fills and ranges that a garbage collection cannot break.</summary>
/// <remarks>
/// TorchSharp turns a number into a <see cref="Scalar"/>, an object with a native half and a finalizer, and hands the native
/// half on without keeping the object alive; a sum of tensors has one too, its factor of 1. A collection at that moment frees
/// an operand in use: a wrong number, an error or the end of the process, once in a great many calls. Here it lives until the
/// call is over. BannedSymbols.txt keeps the rest of the library from making scalars of its own.
/// </remarks>
internal static class Arithmetic
{
#pragma warning disable RS0030 // the one place that makes scalars
    private static readonly Scalar s_one = 1;

    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, s_one);

    public static Tensor Plus(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.add(number, s_one);
    }

    public static Tensor Times(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.mul(number);
    }

    public static Tensor Squared(this Tensor a) => a.mul(a);

    public static Tensor AtLeast(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.clamp_min(number);
    }

    public static Tensor AtMost(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.clamp_max(number);
    }

    /// <returns>Booleans.</returns>
    public static Tensor IsAbove(this Tensor a, double b)
    {
        using Scalar number = b;
        return a.gt(number);
    }

    /// <summary>a ← a + factor · b.</summary>
    public static Tensor Add(Tensor a, Tensor b, double factor = 1)
    {
        using Scalar number = factor;
        return a.add_(b, number);
    }

    /// <summary>a ← a + b.</summary>
    public static Tensor Raise(Tensor a, double b)
    {
        using Scalar number = b;
        return a.add_(number, s_one);
    }

    /// <summary>a ← a + factor · b · c.</summary>
    public static Tensor AddProduct(Tensor a, Tensor b, Tensor c, double factor)
    {
        using Scalar number = factor;
        return a.addcmul_(b, c, number);
    }

    /// <summary>a ← a + factor · b / c.</summary>
    public static Tensor AddQuotient(Tensor a, Tensor b, Tensor c, double factor)
    {
        using Scalar number = factor;
        return a.addcdiv_(b, c, number);
    }

    /// <summary>a ← factor · a.</summary>
    public static Tensor Scale(Tensor a, double factor)
    {
        using Scalar number = factor;
        return a.mul_(number);
    }

    /// <summary>a ← min(a, b).</summary>
    public static void Bound(Tensor a, double b)
    {
        using Scalar number = b;
        a.clamp_max_(number);
    }

    /// <summary>a ← a + 1, of integers.</summary>
    public static void Increment(Tensor a) => a.add_(s_one, s_one);

    /// <summary>Every element ← value.</summary>
    public static void Fill(Tensor a, double value)
    {
        using Scalar number = value;
        a.fill_(number);
    }

    /// <summary>0, 1, … count − 1, int64.</summary>
    public static Tensor Range(long count, Device device)
    {
        using Scalar start = 0L, stop = count;
        return arange(start, stop, s_one, dtype: ScalarType.Int64, device: device);
    }
#pragma warning restore RS0030
}
