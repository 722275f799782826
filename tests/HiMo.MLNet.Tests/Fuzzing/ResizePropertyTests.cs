using FsCheck;
using FsCheck.Xunit;
using HiMo.MLNet.Images;
using PngFile = HiMo.MLNet.Tests.Images.PngFile;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>What holds of every image on its way into the model.</summary>
[Properties(MaxTest = 100)]
public sealed class ResizePropertyTests
{
    [Property]
    public bool An_image_of_one_colour_keeps_it(PositiveInt width, PositiveInt height, PositiveInt size, byte red, byte green, byte blue)
    {
        byte[] planes = Process(width, height, size, out int area, _ => [red, green, blue]);

        return planes[..area].All(value => value == red) && planes[area..(2 * area)].All(value => value == green) && planes[(2 * area)..].All(value => value == blue);
    }

    [Property]
    public bool An_image_stays_near_its_range(PositiveInt width, PositiveInt height, PositiveInt size, byte first, byte second, int seed)
    {
        (byte low, byte high) = (Math.Min(first, second), Math.Max(first, second));
        var random = new Random(seed);
        byte[] planes = Process(width, height, size, out _, _ => [.. Enumerable.Range(0, 3).Select(_ => (byte)random.Next(low, high + 1))]);

        // Cubic convolution overshoots by an eighth along each axis, and by more at the edges, where weights are missing.
        double over = (0.5 * (high - low)) + 1;
        return planes.All(value => value >= low - over && value <= high + over);
    }

    private static byte[] Process(PositiveInt width, PositiveInt height, PositiveInt size, out int area, Func<int, byte[]> pixel)
    {
        byte[][] rows = [.. Enumerable.Range(0, 1 + (height.Get % 90)).Select(_ => Enumerable.Range(0, 1 + (width.Get % 90)).SelectMany(pixel).ToArray())];
        var preprocessor = new ClipPreprocessor(1 + (size.Get % 60));
        byte[] planes = new byte[preprocessor.Length];
        preprocessor.Process(ImageDecoder.Decode(new MemoryStream(PngFile.Create(1 + (width.Get % 90), 8, 2, rows)), "image"), planes);
        area = planes.Length / 3;
        return planes;
    }
}
