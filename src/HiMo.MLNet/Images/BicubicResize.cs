using System.Buffers;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HiMo.MLNet.Images;

/// <summary>
/// Pillow's bicubic resize, bit for bit: weights in 22-bit fixed point, first along rows, then along columns, rounded
/// to bytes in between.
/// </summary>
internal static class BicubicResize
{
    private const int Half = 1 << (FilterTaps.PrecisionBits - 1);

    /// <summary>
    /// Resizes <paramref name="box"/> of an image to <paramref name="width"/> × <paramref name="height"/> and writes
    /// the window of <paramref name="windowWidth"/> × <paramref name="windowHeight"/> pixels at
    /// (<paramref name="x"/>, <paramref name="y"/>) of the result. Only that window is computed.
    /// </summary>
    /// <returns>
    /// The mode of the result: the image's, but <see cref="PixelMode.Premultiplied"/> for <see cref="PixelMode.RgbAlpha"/>.
    /// </returns>
    /// <remarks>The box must lie inside the image, the window inside the result.</remarks>
    public static PixelMode Resize(
        RgbImage source, SourceBox box, int width, int height, int x, int y, int windowWidth, int windowHeight, Span<byte> result)
    {
        if (!(box.Left >= 0 && box.Top >= 0 && box.Right <= source.Width && box.Bottom <= source.Height
            && box.Left < box.Right && box.Top < box.Bottom))
        {
            throw new ArgumentException($"Expected a box inside {source.Width} x {source.Height} pixels, found {box}.", nameof(box));
        }

        if (x < 0 || y < 0 || windowWidth < 1 || windowHeight < 1 || x + windowWidth > width || y + windowHeight > height)
        {
            throw new ArgumentException(
                $"Expected a window inside {width} x {height} pixels, found {windowWidth} x {windowHeight} at ({x}, {y}).",
                nameof(windowWidth));
        }

        int stride = windowWidth * RgbImage.PixelBytes;
        if (result.Length != windowHeight * stride)
        {
            throw new ArgumentException($"Expected {windowHeight * stride} bytes, found {result.Length}.", nameof(result));
        }

        using var columns = new FilterTaps(source.Width, box.Left, box.Right, width, x, windowWidth);
        using var rows = new FilterTaps(source.Height, box.Top, box.Bottom, height, y, windowHeight);

        // Only the source rows that some result row reads pass through the first step.
        int firstRow = rows.First(0);
        int rowCount = rows.First(windowHeight - 1) + rows.Count(windowHeight - 1) - firstRow;
        byte[] narrow = ArrayPool<byte>.Shared.Rent(checked(rowCount * stride));
        Span<byte> narrowRows = narrow.AsSpan(0, rowCount * stride);
        if (source.Mode == PixelMode.Grey16)
        {
            Span<int> greys = MemoryMarshal.Cast<byte, int>(narrowRows);
            ResizeGrey(source, firstRow, columns, rows, greys, MemoryMarshal.Cast<byte, int>(result), windowWidth);
        }
        else
        {
            ResizeBytes(source, firstRow, columns, rows, narrowRows, result, stride);
        }

        ArrayPool<byte>.Shared.Return(narrow);
        return source.Mode == PixelMode.RgbAlpha ? PixelMode.Premultiplied : source.Mode;
    }

    private static void ResizeBytes(
        RgbImage source, int firstRow, FilterTaps columns, FilterTaps rows, Span<byte> narrow, Span<byte> result, int stride)
    {
        byte[]? multiplied = source.Mode == PixelMode.RgbAlpha ? ArrayPool<byte>.Shared.Rent(source.Width * RgbImage.PixelBytes) : null;
        for (int row = 0; row < narrow.Length / stride; row++)
        {
            ReadOnlySpan<byte> from = source.Row(firstRow + row);
            if (multiplied is not null)
            {
                PixelConversion.Premultiply(from, multiplied);
                from = multiplied.AsSpan(0, from.Length);
            }

            AlongRow(from, columns, narrow.Slice(row * stride, stride));
        }

        if (multiplied is not null)
        {
            ArrayPool<byte>.Shared.Return(multiplied);
        }

        for (int row = 0; row < result.Length / stride; row++)
        {
            Span<byte> from = narrow.Slice((rows.First(row) - firstRow) * stride, rows.Count(row) * stride);
            AlongColumns(from, rows.Weights(row), result.Slice(row * stride, stride));
        }
    }

    private static void AlongRow(ReadOnlySpan<byte> from, FilterTaps columns, Span<byte> to)
    {
        ReadOnlySpan<uint> source = MemoryMarshal.Cast<byte, uint>(from);
        Span<uint> target = MemoryMarshal.Cast<byte, uint>(to);
        for (int x = 0; x < target.Length; x++)
        {
            ReadOnlySpan<int> weights = columns.Weights(x);
            ReadOnlySpan<uint> pixels = source.Slice(columns.First(x), weights.Length);
            var sum = Vector128.Create(Half);
            for (int i = 0; i < weights.Length; i++)
            {
                Vector128<byte> bytes = Vector128.CreateScalarUnsafe(pixels[i]).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(bytes)).AsInt32() * weights[i];
            }

            Vector128<ushort> clipped = Narrow(sum, sum);
            target[x] = Vector128.Narrow(clipped, clipped).AsUInt32().ToScalar();
        }
    }

    private static void AlongColumns(ReadOnlySpan<byte> from, ReadOnlySpan<int> weights, Span<byte> to)
    {
        int stride = to.Length;
        int x = 0;
        for (; x <= stride - 16; x += 16)
        {
            (Vector128<int> a, Vector128<int> b, Vector128<int> c, Vector128<int> d) =
                (Vector128.Create(Half), Vector128.Create(Half), Vector128.Create(Half), Vector128.Create(Half));
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

            to[x] = (byte)Math.Clamp(sum >> FilterTaps.PrecisionBits, 0, 255);
        }
    }

    private static Vector128<ushort> Narrow(Vector128<int> low, Vector128<int> high)
    {
        return Vector128.Narrow(Clip(low), Clip(high));

        static Vector128<uint> Clip(Vector128<int> sum) =>
            Vector128.Min(Vector128.Max(sum >> FilterTaps.PrecisionBits, Vector128<int>.Zero), Vector128.Create(255)).AsUInt32();
    }

    // Pillow filters numbers of 32 bits in double precision and rounds to whole ones after either step.
    private static void ResizeGrey(
        RgbImage source, int firstRow, FilterTaps columns, FilterTaps rows, Span<int> narrow, Span<int> result, int stride)
    {
        for (int i = 0; i < narrow.Length; i++)
        {
            int x = i % stride;
            narrow[i] = Sum(source.GreyRow(firstRow + (i / stride))[columns.First(x)..], 1, columns.ExactWeights(x));
        }

        for (int i = 0; i < result.Length; i++)
        {
            int y = i / stride;
            result[i] = Sum(narrow[(((rows.First(y) - firstRow) * stride) + (i % stride))..], stride, rows.ExactWeights(y));
        }

        static int Sum(ReadOnlySpan<int> values, int step, ReadOnlySpan<double> weights)
        {
            double sum = 0.0;
            for (int i = 0; i < weights.Length; i++)
            {
                sum += values[i * step] * weights[i];
            }

            return (int)(sum >= 0 ? Math.Floor(sum + 0.5) : -Math.Floor(-sum + 0.5));
        }
    }
}
