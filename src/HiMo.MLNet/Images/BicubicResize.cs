using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace HiMo.MLNet.Images;

/// <summary>The part of a source picture that is resized, in pixels; edges may lie between pixels.</summary>
internal readonly record struct SourceBox(float Left, float Top, float Right, float Bottom)
{
    public static SourceBox Whole(RgbImage image) => new(0, 0, image.Width, image.Height);
}

/// <summary>
/// Pillow's bicubic resize, bit for bit: cubic convolution with a = -0.5 whose support grows with the reduction (hence
/// anti-aliased), weights in 22-bit fixed point, first along rows, then along columns, rounded to bytes in between.
/// </summary>
internal static class BicubicResize
{
    private const int PrecisionBits = 22;
    private const int Half = 1 << (PrecisionBits - 1);

    /// <summary>
    /// Resizes <paramref name="box"/> of a picture to <paramref name="width"/> × <paramref name="height"/> and writes
    /// the window of <paramref name="windowWidth"/> × <paramref name="windowHeight"/> pixels at
    /// (<paramref name="x"/>, <paramref name="y"/>) of the result, as interleaved RGB. Only that window is computed.
    /// </summary>
    /// <remarks>The box must lie inside the picture, the window inside the result.</remarks>
    public static void Resize(
        RgbImage source, SourceBox box, int width, int height, int x, int y, int windowWidth, int windowHeight, Span<byte> result)
    {
        if (!(box.Left >= 0 && box.Top >= 0 && box.Right <= source.Width && box.Bottom <= source.Height && box.Left < box.Right && box.Top < box.Bottom))
        {
            throw new ArgumentException($"Expected a box inside {source.Width} x {source.Height} pixels, found {box}.", nameof(box));
        }

        if (x < 0 || y < 0 || windowWidth < 1 || windowHeight < 1 || x + windowWidth > width || y + windowHeight > height)
        {
            throw new ArgumentException($"Expected a window inside {width} x {height} pixels, found {windowWidth} x {windowHeight} at ({x}, {y}).", nameof(windowWidth));
        }

        if (result.Length != windowWidth * windowHeight * 3)
        {
            throw new ArgumentException($"Expected {windowWidth * windowHeight * 3} bytes, found {result.Length}.", nameof(result));
        }

        using var columns = new Taps(source.Width, box.Left, box.Right, width, x, windowWidth);
        using var rows = new Taps(source.Height, box.Top, box.Bottom, height, y, windowHeight);

        // Only the source rows that some result row reads pass through the first step.
        int firstRow = rows.First(0);
        int rowCount = rows.First(windowHeight - 1) + rows.Count(windowHeight - 1) - firstRow;
        int stride = windowWidth * 3;
        byte[] narrow = ArrayPool<byte>.Shared.Rent(rowCount * stride);
        try
        {
            for (int row = 0; row < rowCount; row++)
            {
                Span<byte> from = source.Pixels.AsSpan((firstRow + row) * source.Width * 3, source.Width * 3);
                AlongRow(from, columns, narrow.AsSpan(row * stride, stride));
            }

            for (int row = 0; row < windowHeight; row++)
            {
                Span<byte> from = narrow.AsSpan((rows.First(row) - firstRow) * stride, rows.Count(row) * stride);
                AlongColumns(from, rows.Weights(row), result.Slice(row * stride, stride));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(narrow);
        }
    }

    private static void AlongRow(ReadOnlySpan<byte> from, Taps columns, Span<byte> to)
    {
        for (int x = 0; x < to.Length / 3; x++)
        {
            ReadOnlySpan<int> weights = columns.Weights(x);
            ReadOnlySpan<byte> pixels = from.Slice(columns.First(x) * 3, weights.Length * 3);

            // Lanes: red, green, blue, and the neighbour's red, which is thrown away.
            var sum = Vector128.Create(Half);
            int i = 0;
            for (; i < weights.Length - 1; i++)
            {
                uint four = Unsafe.ReadUnaligned<uint>(in pixels[i * 3]);
                Vector128<byte> bytes = Vector128.CreateScalarUnsafe(four).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32() * weights[i];
            }

            ReadOnlySpan<byte> last = pixels[(i * 3)..];
            sum += Vector128.Create(last[0], last[1], last[2], 0) * weights[i];
            sum >>= PrecisionBits;
            to[x * 3] = Clip(sum[0]);
            to[(x * 3) + 1] = Clip(sum[1]);
            to[(x * 3) + 2] = Clip(sum[2]);
        }
    }

    private static void AlongColumns(ReadOnlySpan<byte> from, ReadOnlySpan<int> weights, Span<byte> to)
    {
        int stride = to.Length;
        int x = 0;
        for (; x <= stride - 16; x += 16)
        {
            (Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) = (Vector128.Create(Half), Vector128.Create(Half), Vector128.Create(Half), Vector128.Create(Half));
            for (int i = 0; i < weights.Length; i++)
            {
                (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(Vector128.Create(from.Slice((i * stride) + x, 16)));
                var weight = Vector128.Create(weights[i]);
                a += Vector128.WidenLower(low).AsInt32() * weight;
                b += Vector128.WidenUpper(low).AsInt32() * weight;
                c += Vector128.WidenLower(high).AsInt32() * weight;
                d += Vector128.WidenUpper(high).AsInt32() * weight;
            }

            Vector128.Narrow(Narrow(a, b), Narrow(c, d)).CopyTo(to[x..]);
        }

        for (; x < stride; x++)
        {
            int sum = Half;
            for (int i = 0; i < weights.Length; i++)
            {
                sum += from[(i * stride) + x] * weights[i];
            }

            to[x] = Clip(sum >> PrecisionBits);
        }

        static Vector128<ushort> Narrow(Vector128<int> low, Vector128<int> high) =>
            Vector128.Narrow(Clamp(low >> PrecisionBits).AsUInt32(), Clamp(high >> PrecisionBits).AsUInt32());

        static Vector128<int> Clamp(Vector128<int> value) =>
            Vector128.Min(Vector128.Max(value, Vector128<int>.Zero), Vector128.Create(255));
    }

    private static byte Clip(int value) => (byte)Math.Clamp(value, 0, 255);

    /// <summary>For every position of a window of the result: which source positions it reads, and with which weights.</summary>
    private sealed class Taps : IDisposable
    {
        private readonly int _size;
        private readonly int[] _bounds;
        private readonly int[] _weights;

        public Taps(int sourceLength, float start, float end, int length, int windowStart, int windowLength)
        {
            double scale = (double)(end - start) / length;
            double filterScale = Math.Max(scale, 1);
            double support = 2 * filterScale;
            _size = ((int)Math.Ceiling(support) * 2) + 1;
            _bounds = ArrayPool<int>.Shared.Rent(windowLength * 2);
            _weights = ArrayPool<int>.Shared.Rent(checked(windowLength * _size));

            double[] exact = ArrayPool<double>.Shared.Rent(_size);
            for (int i = 0; i < windowLength; i++)
            {
                double centre = start + ((windowStart + i + 0.5) * scale);
                int first = Math.Max((int)(centre - support + 0.5), 0);
                int count = Math.Min((int)(centre + support + 0.5), sourceLength) - first;
                double total = 0.0;
                for (int tap = 0; tap < count; tap++)
                {
                    total += exact[tap] = Cubic((tap + first - centre + 0.5) * (1 / filterScale));
                }

                for (int tap = 0; tap < count; tap++)
                {
                    double weight = (total == 0 ? exact[tap] : exact[tap] / total) * (1 << PrecisionBits);
                    _weights[(i * _size) + tap] = (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
                }

                (_bounds[i * 2], _bounds[(i * 2) + 1]) = (first, count);
            }

            ArrayPool<double>.Shared.Return(exact);
        }

        public int First(int position) => _bounds[position * 2];

        public int Count(int position) => _bounds[(position * 2) + 1];

        public ReadOnlySpan<int> Weights(int position) => _weights.AsSpan(position * _size, Count(position));

        public void Dispose()
        {
            ArrayPool<int>.Shared.Return(_bounds);
            ArrayPool<int>.Shared.Return(_weights);
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
}
