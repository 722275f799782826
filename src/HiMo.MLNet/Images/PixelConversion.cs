using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HiMo.MLNet.Images;

/// <summary>Pillow's conversions between modes, bit for bit, four bytes a pixel.</summary>
internal static class PixelConversion
{
    /// <summary>A pixel as one number.</summary>
    public static uint Pack(byte red, byte green, byte blue) => (uint)(red | (green << 8) | (blue << 16));

    /// <summary>The value at a place of a row that packs values of 1, 2, 4 or 8 bits, the upper bits first.</summary>
    public static int Index(ReadOnlySpan<byte> row, int x, int bits) =>
        (row[x * bits / 8] >> (8 - bits - (x * bits % 8))) & ((1 << bits) - 1);

    /// <summary>A grey pixel.</summary>
    public static uint Grey(int value) => (uint)value * 0x010101;

    /// <summary>Multiplies red, green and blue by alpha.</summary>
    public static void Premultiply(ReadOnlySpan<byte> from, Span<byte> to)
    {
        int i = 0;
        var alphas = Vector128.Create((byte)3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);
        Vector128<byte> alphaLanes = Vector128.Create(0xFF000000u).AsByte();
        for (; i <= from.Length - 16; i += 16)
        {
            var pixels = Vector128.Create(from[i..]);

            // Alpha itself is multiplied by 255, which leaves it.
            Vector128<byte> factors = Vector128.Shuffle(pixels, alphas) | alphaLanes;
            (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(pixels);
            (Vector128<ushort> lowFactor, Vector128<ushort> highFactor) = Vector128.Widen(factors);
            Vector128.Narrow(Divide(low * lowFactor), Divide(high * highFactor)).CopyTo(to[i..]);
        }

        for (; i < from.Length; i += 4)
        {
            byte alpha = from[i + 3];
            to[i] = Multiply(from[i], alpha);
            to[i + 1] = Multiply(from[i + 1], alpha);
            to[i + 2] = Multiply(from[i + 2], alpha);
            to[i + 3] = alpha;
        }

        static Vector128<ushort> Divide(Vector128<ushort> product)
        {
            Vector128<ushort> rounded = product + Vector128.Create((ushort)128);
            return ((rounded >>> 8) + rounded) >>> 8;
        }
    }

    /// <summary>
    /// Converts pixels in place to RGB: <see cref="PixelMode.RgbAlpha"/> drops alpha,
    /// <see cref="PixelMode.Premultiplied"/> divides by it first.
    /// </summary>
    public static void ToRgb(Span<byte> pixels, PixelMode mode)
    {
        switch (mode)
        {
            case PixelMode.Premultiplied:
                Unmultiply(pixels);
                break;
            case PixelMode.Cmyk:
                CmykToRgb(pixels);
                break;
            case PixelMode.Grey16:
                foreach (ref uint grey in MemoryMarshal.Cast<byte, uint>(pixels))
                {
                    grey = Grey(Math.Clamp((int)grey, 0, 255));
                }

                break;
        }
    }

    /// <summary>Exchanges red and blue.</summary>
    public static void SwapRedAndBlue(Span<byte> pixels)
    {
        int i = 0;
        var order = Vector128.Create((byte)2, 1, 0, 3, 6, 5, 4, 7, 10, 9, 8, 11, 14, 13, 12, 15);
        for (; i <= pixels.Length - 16; i += 16)
        {
            Vector128.Shuffle(Vector128.Create<byte>(pixels[i..]), order).CopyTo(pixels[i..]);
        }

        for (; i < pixels.Length; i += 4)
        {
            (pixels[i], pixels[i + 2]) = (pixels[i + 2], pixels[i]);
        }
    }

    private static void Unmultiply(Span<byte> pixels)
    {
        for (int i = 0; i < pixels.Length; i += 4)
        {
            byte alpha = pixels[i + 3];
            if (alpha is not (0 or 255))
            {
                for (int channel = i; channel < i + 3; channel++)
                {
                    pixels[channel] = (byte)Math.Min(255 * pixels[channel] / alpha, 255);
                }
            }
        }
    }

    private static void CmykToRgb(Span<byte> pixels)
    {
        for (int i = 0; i < pixels.Length; i += 4)
        {
            byte light = (byte)(255 - pixels[i + 3]);
            for (int channel = i; channel < i + 3; channel++)
            {
                pixels[channel] = (byte)(light - Multiply(pixels[channel], light));
            }
        }
    }

    // a * b / 255, rounded.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Multiply(byte a, byte b)
    {
        int product = (a * b) + 128;
        return (byte)(((product >> 8) + product) >> 8);
    }
}
