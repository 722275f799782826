using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Images;

/// <summary>Images of known pixels, and the pixels of images.</summary>
internal static class TestImage
{
    /// <summary>Of three bytes a pixel.</summary>
    public static RgbImage Rgb(int width, int height, params ReadOnlySpan<byte> pixels)
    {
        var image = new RgbImage(width, height, PixelMode.Rgb);
        for (int i = 0; i < width * height; i++)
        {
            pixels.Slice(i * 3, 3).CopyTo(image.Pixels[(i * RgbImage.PixelBytes)..]);
        }

        return image;
    }

    /// <summary>Of one byte a pixel.</summary>
    public static RgbImage Grey(int width, int height, params byte[] pixels) =>
        Rgb(width, height, [.. pixels.SelectMany(value => (byte[])[value, value, value])]);

    /// <summary>Of one colour.</summary>
    public static RgbImage Plain(int width, int height, byte red, byte green, byte blue) =>
        Rgb(width, height, [.. Enumerable.Repeat((byte[])[red, green, blue], width * height).SelectMany(pixel => pixel)]);

    /// <summary>Red, green and blue of every pixel.</summary>
    public static byte[] Colours(ReadOnlySpan<byte> pixels) =>
        [.. pixels.ToArray().Chunk(RgbImage.PixelBytes).SelectMany(pixel => pixel[..3])];

    /// <summary>What the preprocessor makes of an image.</summary>
    public static byte[] Preprocess(RgbImage image, int size)
    {
        byte[] planes = new byte[3 * size * size];
        new ClipPreprocessor(size).Process(image, planes);
        return planes;
    }
}
