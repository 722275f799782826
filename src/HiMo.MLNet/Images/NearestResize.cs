using System.Runtime.InteropServices;

namespace HiMo.MLNet.Images;

/// <summary>
/// Pillow's nearest-neighbour resize. CLIP resizes an image before it converts it to RGB, and Pillow does not
/// interpolate palette indices: palette images get this one whatever filter was asked for.
/// </summary>
internal static class NearestResize
{
    /// <summary>Parameters as of <see cref="BicubicResize.Resize"/>, for the whole image; the result has the image's mode.</summary>
    public static void Resize(RgbImage source, int width, int height, int x, int y, int windowWidth, int windowHeight, Span<byte> result)
    {
        int[] columns = Positions(source.Width, width, x, windowWidth);
        int[] rows = Positions(source.Height, height, y, windowHeight);
        Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(result);
        int to = 0;
        foreach (int row in rows)
        {
            ReadOnlySpan<uint> from = MemoryMarshal.Cast<byte, uint>(source.Row(row));
            foreach (int column in columns)
            {
                pixels[to++] = from[column];
            }
        }
    }

    // The position is summed up step by step, as Pillow does, so that rounding falls on the same side.
    private static int[] Positions(int sourceLength, int length, int windowStart, int windowLength)
    {
        int[] positions = new int[windowLength];
        double step = (double)sourceLength / length;
        double centre = step / 2;
        for (int i = 0; i < windowStart + windowLength; i++, centre += step)
        {
            if (i >= windowStart)
            {
                positions[i - windowStart] = Math.Min((int)centre, sourceLength - 1);
            }
        }

        return positions;
    }
}
