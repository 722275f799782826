using System.Buffers;

namespace HiMo.MLNet.Images;

/// <summary>
/// Pillow's bicubic filter along one side: for every position of a window of the result, which source positions it
/// reads and with which weights. Cubic convolution with a = -0.5 whose support grows with the reduction, hence anti-aliased.
/// </summary>
internal sealed class FilterTaps : IDisposable
{
    /// <summary>Fractional bits of <see cref="Weights"/>.</summary>
    public const int PrecisionBits = 22;

    private readonly int _size;
    private readonly int[] _bounds;
    private readonly int[] _weights;
    private readonly double[] _exact;

    public FilterTaps(int sourceLength, float start, float end, int length, int windowStart, int windowLength)
    {
        double scale = (double)(end - start) / length;
        double filterScale = Math.Max(scale, 1);
        double support = 2 * filterScale;
        _size = ((int)Math.Ceiling(support) * 2) + 1;
        _bounds = ArrayPool<int>.Shared.Rent(windowLength * 2);
        _weights = ArrayPool<int>.Shared.Rent(checked(windowLength * _size));
        _exact = ArrayPool<double>.Shared.Rent(windowLength * _size);
        for (int i = 0; i < windowLength; i++)
        {
            double centre = start + ((windowStart + i + 0.5) * scale);
            int first = Math.Max((int)(centre - support + 0.5), 0);
            int count = Math.Min((int)(centre + support + 0.5), sourceLength) - first;
            Span<double> exact = _exact.AsSpan(i * _size, count);
            double total = 0.0;
            for (int tap = 0; tap < count; tap++)
            {
                total += exact[tap] = Cubic((tap + first - centre + 0.5) * (1 / filterScale));
            }

            for (int tap = 0; tap < count; tap++)
            {
                exact[tap] = total == 0 ? exact[tap] : exact[tap] / total;
                double weight = exact[tap] * (1 << PrecisionBits);
                _weights[(i * _size) + tap] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
            }

            (_bounds[i * 2], _bounds[(i * 2) + 1]) = (first, count);
        }
    }

    public int First(int position) => _bounds[position * 2];

    public int Count(int position) => _bounds[(position * 2) + 1];

    /// <summary>In fixed point, as bytes are filtered.</summary>
    public ReadOnlySpan<int> Weights(int position) => _weights.AsSpan(position * _size, Count(position));

    /// <summary>As numbers, as 32-bit grey is filtered.</summary>
    public ReadOnlySpan<double> ExactWeights(int position) => _exact.AsSpan(position * _size, Count(position));

    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_bounds);
        ArrayPool<int>.Shared.Return(_weights);
        ArrayPool<double>.Shared.Return(_exact);
    }

    private static double Cubic(double x)
    {
        const double a = -0.5;
        x = Math.Abs(x);
        return x switch
        {
            < 1 => ((((a + 2) * x) - (a + 3)) * x * x) + 1,
            < 2 => ((((x - 5) * x) + 8) * x - 4) * a,
            _ => 0,
        };
    }
}
