using System.Buffers;
using System.Drawing;

namespace HiMo.MLNet.Images;

/// <summary>Cuts a rotated rectangle out of an image in one bilinear pass.</summary>
internal static class AffineWarp
{
    // Bilinear sampling reads two pixels a side: up to this reduction nothing much falls between them.
    private const double MaxReduction = 2;

    // What is reduced by more is first resized, anti-aliased, to this many times the result's scale.
    private const double Oversampling = 1.5;

    private const int One = 1 << 16;

    /// <summary>Fills <paramref name="result"/>, n × n pixels in the image's mode, from a rectangle of the image.</summary>
    /// <param name="image">The image, in a mode whose bytes may be mixed: not with straight alpha, not 16-bit grey.</param>
    /// <param name="centre">The rectangle's centre, in pixels of the image; a pixel's centre lies at one half.</param>
    /// <param name="extent">The rectangle's width and height before rotation.</param>
    /// <param name="angle">Clockwise rotation of the rectangle about its centre, in radians.</param>
    /// <param name="size">n.</param>
    /// <param name="background">The colour outside the image, as red, green and blue; opaque.</param>
    /// <param name="result">4 · n · n bytes.</param>
    public static void Warp(
        RgbImage image, (double X, double Y) centre, (double Width, double Height) extent, double angle, int size, Color background,
        Span<byte> result)
    {
        double reduction = Math.Max(extent.Width, extent.Height) / size;
        if (reduction <= MaxReduction)
        {
            Sample(image.Pixels, image.Width, image.Height, (1, 1), centre, extent, angle, size, background, result);
            return;
        }

        double scale = Oversampling / reduction;
        (int width, int height) = (Math.Max(1, (int)Math.Round(image.Width * scale)), Math.Max(1, (int)Math.Round(image.Height * scale)));
        (double, double) scales = ((double)width / image.Width, (double)height / image.Height);
        byte[] pixels = ArrayPool<byte>.Shared.Rent(width * height * RgbImage.PixelBytes);
        Span<byte> smaller = pixels.AsSpan(0, width * height * RgbImage.PixelBytes);
        BicubicResize.Resize(image, SourceBox.Whole(image), width, height, 0, 0, width, height, smaller);
        Sample(smaller, width, height, scales, centre, extent, angle, size, background, result);
        ArrayPool<byte>.Shared.Return(pixels);
    }

    private static void Sample(
        ReadOnlySpan<byte> source, int width, int height, (double X, double Y) scale, (double X, double Y) centre,
        (double Width, double Height) extent, double angle, int size, Color background, Span<byte> result)
    {
        (double sin, double cos) = Math.SinCos(angle);
        (double pixelWidth, double pixelHeight) = (extent.Width / size, extent.Height / size);

        // Steps through the source for a step right and a step down in the result, in 16-bit fixed point.
        (long rightX, long rightY) = (Fixed(cos * pixelWidth * scale.X), Fixed(sin * pixelWidth * scale.Y));
        (long downX, long downY) = (Fixed(-sin * pixelHeight * scale.X), Fixed(cos * pixelHeight * scale.Y));

        // The upper left of the four pixels around a sample lies half a pixel back.
        long startX = Fixed((centre.X * scale.X) - 0.5) - ((rightX + downX) * (size - 1) / 2);
        long startY = Fixed((centre.Y * scale.Y) - 0.5) - ((rightY + downY) * (size - 1) / 2);
        ReadOnlySpan<byte> outside = [background.R, background.G, background.B, byte.MaxValue];
        int stride = width * RgbImage.PixelBytes;
        int to = 0;
        for (int row = 0; row < size; row++)
        {
            (long x, long y) = (startX + (row * downX), startY + (row * downY));
            for (int column = 0; column < size; column++, x += rightX, y += rightY, to += RgbImage.PixelBytes)
            {
                Span<byte> target = result.Slice(to, RgbImage.PixelBytes);
                (long left, long top) = (x >> 16, y >> 16);
                (int weightX, int weightY) = ((int)(x & (One - 1)) >> 8, (int)(y & (One - 1)) >> 8);
                if (left >= 0 && top >= 0 && left < width - 1 && top < height - 1)
                {
                    ReadOnlySpan<byte> upper = source.Slice((int)((top * stride) + (left * RgbImage.PixelBytes)), 2 * RgbImage.PixelBytes);
                    ReadOnlySpan<byte> lower = source.Slice(
                        (int)(((top + 1) * stride) + (left * RgbImage.PixelBytes)), 2 * RgbImage.PixelBytes);
                    Blend(upper[..4], upper[4..], lower[..4], lower[4..], weightX, weightY, target);
                }
                else if (x < -One / 2 || y < -One / 2 || x >= (width * (long)One) - (One / 2) || y >= (height * (long)One) - (One / 2))
                {
                    outside.CopyTo(target);
                }
                else
                {
                    // The outer half of a border pixel has nothing to blend with.
                    (long x0, long x1) = (Math.Max(left, 0) * RgbImage.PixelBytes, Math.Min(left + 1, width - 1) * RgbImage.PixelBytes);
                    (long y0, long y1) = (Math.Max(top, 0) * stride, Math.Min(top + 1, height - 1) * stride);
                    Blend(
                        source.Slice((int)(y0 + x0), 4), source.Slice((int)(y0 + x1), 4),
                        source.Slice((int)(y1 + x0), 4), source.Slice((int)(y1 + x1), 4), weightX, weightY, target);
                }
            }
        }

        static long Fixed(double value) => (long)Math.Round(value * One);
    }

    private static void Blend(
        ReadOnlySpan<byte> upperLeft, ReadOnlySpan<byte> upperRight, ReadOnlySpan<byte> lowerLeft, ReadOnlySpan<byte> lowerRight,
        int weightX, int weightY, Span<byte> result)
    {
        for (int i = 0; i < 4; i++)
        {
            int upper = (upperLeft[i] * (256 - weightX)) + (upperRight[i] * weightX);
            int lower = (lowerLeft[i] * (256 - weightX)) + (lowerRight[i] * weightX);
            result[i] = (byte)(((upper * (256 - weightY)) + (lower * weightY) + (One / 2)) >> 16);
        }
    }
}
