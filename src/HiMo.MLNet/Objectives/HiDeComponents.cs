using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Objectives;

/// <summary>The semantic components that HiDe sees in a batch of captions.</summary>
/// <param name="Variance">σ², descending: N values.</param>
/// <param name="Loadings">For each of the leading components, how far every caption lies along it: Û p_i, N values. The sign is
/// arbitrary.</param>
internal sealed record HiDeComponents(double[] Variance, IReadOnlyList<double[]> Loadings)
{
    /// <param name="texts">U, N rows of d numbers, normalised.</param>
    /// <param name="dimension">d</param>
    /// <param name="wanted">How many components to give loadings of; fewer if there are fewer.</param>
    public static HiDeComponents Of(ReadOnlySpan<float> texts, int dimension, int wanted)
    {
        int n = texts.Length / dimension;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        Tensor centred = tensor(texts.ToArray(), n, dimension).to(ScalarType.Float64);
        centred -= centred.mean([0], keepdim: true);
        (Tensor values, Tensor vectors) = linalg.eigh(centred.matmul(centred.t()));                     // ascending; Û p_i = σ_i q_i
        values = values.AtLeast(0).flip(0);
        Tensor loadings = vectors.flip(1).mul(values.sqrt()).t().contiguous();                          // (N components, N captions)
        return new(values.data<double>().ToArray(),
            [.. Enumerable.Range(0, Math.Min(wanted, n)).Select(i => loadings[i].data<double>().ToArray())]);
    }

    /// <summary>m: how many components HiDe keeps.</summary>
    /// <param name="ratio">τ</param>
    public int Count(double ratio) => HiDe.ComponentCount(Variance, ratio);

    /// <summary>The share of the variance that lies along each component.</summary>
    public double[] Shares()
    {
        double total = Math.Max(Variance.Sum(), 1e-8);
        return [.. Variance.Select(v => v / total)];
    }
}
