using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace HiMo.MLNet.Images;

/// <summary>Interleaved pixels to planes of red, green and blue: the layout of image tensors.</summary>
internal static class Planes
{
    /// <param name="interleaved">Rows of <paramref name="width"/> pixels: red, green, blue and a byte that is dropped.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="mirror">Whether left and right change places.</param>
    /// <param name="planes">Three bytes a pixel: all red, then all green, then all blue.</param>
    public static void Split(ReadOnlySpan<byte> interleaved, int width, bool mirror, Span<byte> planes)
    {
        ReadOnlySpan<uint> pixels = MemoryMarshal.Cast<byte, uint>(interleaved);
        for (int channel = 0; channel < 3; channel++)
        {
            Span<byte> plane = planes.Slice(channel * pixels.Length, pixels.Length);
            Take(pixels, 8 * channel, plane);
            for (int row = 0; mirror && row < plane.Length; row += width)
            {
                plane.Slice(row, width).Reverse();
            }
        }
    }

    private static void Take(ReadOnlySpan<uint> pixels, int shift, Span<byte> plane)
    {
        int i = 0;
        for (; i <= pixels.Length - 16; i += 16)
        {
            var low = Vector128.Narrow(Byte(pixels[i..]), Byte(pixels[(i + 4)..]));
            var high = Vector128.Narrow(Byte(pixels[(i + 8)..]), Byte(pixels[(i + 12)..]));
            Vector128.Narrow(low, high).CopyTo(plane[i..]);
        }

        for (; i < pixels.Length; i++)
        {
            plane[i] = (byte)(pixels[i] >> shift);
        }

        Vector128<uint> Byte(ReadOnlySpan<uint> four) => (Vector128.Create(four) >>> shift) & Vector128.Create(0xFFu);
    }
}
