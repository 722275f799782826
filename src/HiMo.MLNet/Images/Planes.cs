namespace HiMo.MLNet.Images;

/// <summary>Interleaved RGB to planes of red, green and blue: the layout of image tensors.</summary>
internal static class Planes
{
    /// <param name="interleaved">Rows of <paramref name="width"/> pixels, three bytes each.</param>
    /// <param name="width">Pixels in a row.</param>
    /// <param name="mirror">Whether left and right change places.</param>
    /// <param name="planes">As many bytes: all red, then all green, then all blue.</param>
    public static void Split(ReadOnlySpan<byte> interleaved, int width, bool mirror, Span<byte> planes)
    {
        int count = interleaved.Length / 3;
        Span<byte> red = planes[..count];
        Span<byte> green = planes.Slice(count, count);
        Span<byte> blue = planes.Slice(2 * count, count);
        for (int row = 0; row < count; row += width)
        {
            (int to, int step) = mirror ? (row + width - 1, -1) : (row, 1);
            for (int from = row * 3; from < (row + width) * 3; from += 3, to += step)
            {
                red[to] = interleaved[from];
                green[to] = interleaved[from + 1];
                blue[to] = interleaved[from + 2];
            }
        }
    }
}
