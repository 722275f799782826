namespace HiMo.MLNet.Images;

/// <summary>A picture of 8-bit RGB pixels: rows from the top, three interleaved bytes a pixel, no padding.</summary>
internal sealed class RgbImage
{
    /// <exception cref="ArgumentException">A size is not positive, or <paramref name="pixels"/> is not width × height × 3 long.</exception>
    public RgbImage(int width, int height, byte[] pixels)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        if (pixels.Length != (long)width * height * 3)
        {
            throw new ArgumentException($"Expected {width} x {height} x 3 bytes, found {pixels.Length}.", nameof(pixels));
        }

        Width = width;
        Height = height;
        Pixels = pixels;
    }

    public int Width { get; }

    public int Height { get; }

    public byte[] Pixels { get; }

    /// <summary>Whether the file held indices into a palette, which changes how it is resized (<see cref="NearestResize"/>).</summary>
    public bool HadPalette { get; init; }
}
