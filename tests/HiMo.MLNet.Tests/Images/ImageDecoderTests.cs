using HiMo.MLNet.Images;
using Microsoft.ML.Data;
using SkiaSharp;

namespace HiMo.MLNet.Tests.Images;

public sealed class ImageDecoderTests
{
    [Fact]
    public void Reads_rgb() =>
        Assert.Equal([1, 2, 3, 250, 128, 0], Decode(PngFile.Create(2, 8, 2, [[1, 2, 3, 250, 128, 0]])));

    [Fact]
    public void Repeats_grey() =>
        Assert.Equal([7, 7, 7, 200, 200, 200], Decode(PngFile.Create(2, 8, 0, [[7, 200]])));

    [Fact]
    public void Reads_black_and_white() =>
        Assert.Equal([255, 255, 255, 0, 0, 0], Decode(PngFile.Create(2, 1, 0, [[0b1000_0000]])));

    [Fact]
    public void Looks_palettes_up_whatever_their_transparency() =>
        Assert.Equal([10, 20, 30, 40, 50, 60], Decode(PngFile.Create(2, 8, 3, [[0, 1]], palette: [10, 20, 30, 40, 50, 60], transparency: [0, 128])));

    [Fact]
    public void Drops_alpha_without_blending() =>
        Assert.Equal([200, 100, 50, 9, 8, 7, 1, 2, 3], Decode(PngFile.Create(3, 8, 6, [[200, 100, 50, 0, 9, 8, 7, 3, 1, 2, 3, 255]])));

    [Fact]
    public void Drops_alpha_of_grey() =>
        Assert.Equal([200, 200, 200, 9, 9, 9], Decode(PngFile.Create(2, 8, 4, [[200, 0, 9, 128]])));

    [Fact]
    public void Keeps_the_high_byte_of_16_bit_colours() =>
        Assert.Equal([255, 128, 18], Decode(PngFile.Create(1, 16, 2, [[0xff, 0xff, 0x80, 0x00, 0x12, 0xff]])));

    [Fact]
    public void Ignores_the_orientation_tag()
    {
        // Orientation 6 (turn right) put into a JPEG that is wider than high.
        byte[] jpeg = File.ReadAllBytes(GoldenFile.PathOf("images/rocket.jpg"));
        byte[] exif = [0xff, 0xe1, 0, 34, .. "Exif\0\0MM\0*\0\0\0\u0008\0\u0001\u0001\u0012\0\u0003\0\0\0\u0001\0\u0006\0\0\0\0\0\0"u8];
        byte[] tagged = [.. jpeg[..2], .. exif, .. jpeg[2..]];
        using var codec = SKCodec.Create(new SKMemoryStream(tagged));
        Assert.Equal(SKEncodedOrigin.RightTop, codec.EncodedOrigin);

        RgbImage turned = ImageDecoder.Decode(new MemoryStream(tagged), "turned.jpg");
        Assert.Equal((640, 427), (turned.Width, turned.Height));
        Assert.Equal(Colours(ImageDecoder.Decode(GoldenFile.PathOf("images/rocket.jpg"))), Colours(turned));
    }

    [Theory]
    [InlineData(100, 160, 107)]                                      // two eighths: one eighth has 54 rows
    [InlineData(107, 240, 161)]                                      // three: two have 106.75 rows
    [InlineData(427, 640, 427)]
    [InlineData(1000, 640, 427)]
    public void A_JPEG_is_decoded_at_the_eighths_that_have_the_pixels_asked_for(int leastSide, int width, int height)
    {
        using FileStream file = File.OpenRead(GoldenFile.PathOf("images/rocket.jpg"));           // 640 x 427
        using RgbImage image = ImageDecoder.Decode(file, "rocket.jpg", leastSide);
        Assert.Equal((width, height), (image.Width, image.Height));
    }

    [Fact]
    public void Only_a_JPEG_is_decoded_at_a_part_of_its_size()
    {
        using RgbImage image = ImageDecoder.Decode(new MemoryStream(PngFile.Create(2, 8, 0, [[7, 200], [7, 200]])), "two.png", 1);
        Assert.Equal((2, 2), (image.Width, image.Height));
    }

    [Fact]
    public void A_reduced_JPEG_looks_the_same_to_a_network()
    {
        string path = GoldenFile.PathOf("images/rocket.jpg");
        var preprocessor = new ClipPreprocessor(96);
        byte[] whole = new byte[preprocessor.Length], reduced = new byte[preprocessor.Length];
        using (RgbImage image = ImageDecoder.Decode(path))
        {
            preprocessor.Process(image, whole);
        }

        using (FileStream file = File.OpenRead(path))
        using (RgbImage image = ImageDecoder.Decode(file, path, 2 * 96))
        {
            preprocessor.Process(image, reduced);
        }

        double difference = whole.Zip(reduced).Average(pair => Math.Abs(pair.First - pair.Second));
        Assert.InRange(difference, 0.01, 1.5);                                       // of 255
    }

    [Fact]
    public void Reads_from_the_streams_position()
    {
        var stream = new MemoryStream([9, 9, 9, .. PngFile.Create(1, 8, 2, [[1, 2, 3]])]) { Position = 3 };
        Assert.Equal([1, 2, 3], Colours(ImageDecoder.Decode(stream, "middle")));
    }

    public static TheoryData<string, byte[], string> BrokenFiles => new()
    {
        { "empty.png", [], "empty" },
        { "text.png", [.. "This is not an image."u8], "not an image" },
        { "zeros.jpg", new byte[1000], "not an image" },
        { "half.png", File.ReadAllBytes(GoldenFile.PathOf("images/coffee.png"))[..50_000], "truncated" },
        { "half.jpg", File.ReadAllBytes(GoldenFile.PathOf("images/rocket.jpg"))[..20_000], "truncated" },
        { "head.png", File.ReadAllBytes(GoldenFile.PathOf("images/coffee.png"))[..20], "" },
        { "head.jpg", File.ReadAllBytes(GoldenFile.PathOf("images/rocket.jpg"))[..20], "" },
        { "bomb.png", PngFile.Create(30_000, 8, 2, [new byte[90_000]], height: 30_000), "found 30000 x 30000" },
        { "ribbon.png", PngFile.Create(100_000, 8, 0, [new byte[100_000]]), "found 100000 x 1" },
    };

    [Theory]
    [MemberData(nameof(BrokenFiles), DisableDiscoveryEnumeration = true)]
    public void Names_the_file_and_the_reason(string name, byte[] content, string reason)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write(name, content);

        ImageReadException error = Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(path));
        Assert.Equal(path, error.Path);
        Assert.Contains(path, error.Message);
        Assert.Contains(reason, error.Reason);
    }

    public static TheoryData<string, byte[]> LyingHeaders => new()
    {
        { "rgb.png", PngFile.Create(65_535, 8, 2, [new byte[100]], height: 1_500) },
        { "palette.png", PngFile.Create(65_535, 8, 3, [new byte[100]], height: 1_500) },
        { "grey16.png", PngFile.Create(1_500, 16, 0, [new byte[100]], height: 65_535) },
        { "frame.gif", [.. "GIF89a"u8, 9, 0, 9, 0, 0, 0, 0, (byte)',', 0, 0, 0, 0, 0xff, 0xff, 0xdc, 5, 0, 8, 3, 1, 2, 3, 0] },
        {
            "empty.bmp",
            [.. "BM"u8, .. new byte[8], 54, 0, 0, 0, 40, 0, 0, 0, 0xff, 0xff, 0, 0, 0xdc, 5, 0, 0, 1, 0, 24, 0, .. new byte[24]]
        },
        { "stretched.jpg", Stretched(File.ReadAllBytes(GoldenFile.PathOf("images-modes/grey.jpg"))) },
        { "empty.wbmp", [0, 0, 0x83, 0xff, 0x7f, 0x8b, 0x5c, .. new byte[100]] },
    };

    [Theory]
    [MemberData(nameof(LyingHeaders), DisableDiscoveryEnumeration = true)]
    public void Takes_no_memory_for_what_the_file_cannot_hold(string kind, byte[] content)
    {
        long[] taken = new long[8];
        Parallel.For(0, taken.Length, i =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Contains("truncated", Failure(content));
            taken[i] = GC.GetAllocatedBytesForCurrentThread() - before;
        });
        Assert.True(taken.Max() < 10_000_000, $"{kind}: {taken.Max()} bytes");
    }

    [Fact]
    public void Decodes_the_longest_side_in_parallel()
    {
        byte[] row = [.. Enumerable.Range(0, 65_535).Select(i => (byte)(i % 251))];
        byte[] ramp = [.. Enumerable.Range(0, 768).Select(i => (byte)(i / 3))];
        byte[] file = PngFile.Create(65_535, 8, 3, [.. Enumerable.Repeat(row, 40)], palette: ramp);
        Parallel.For(0, 4, _ =>
        {
            using RgbImage image = ImageDecoder.Decode(new MemoryStream(file), "ribbon");
            Assert.Equal([7, 7, 7], image.Row(39).Slice(7 * RgbImage.PixelBytes, 3).ToArray());
            Assert.All(TestImage.Preprocess(image, 40)[..40], (value, x) => Assert.Equal((byte)((32_748 + x) % 251), value));
        });
    }

    [Fact]
    public void A_damaged_palette_image_is_refused()
    {
        byte[] file = File.ReadAllBytes(GoldenFile.PathOf("images-modes/palette8.png"));
        Assert.Contains("truncated", Failure(file[..(file.Length - 100)]));
        file[100] ^= 1; // In the palette.
        Assert.Contains("damaged", Failure(file));

        byte[] gif = File.ReadAllBytes(GoldenFile.PathOf("images-modes/palette.gif"));
        Assert.Contains("truncated", Failure(gif[..(gif.Length - 100)]));
        Assert.Contains("truncated", Failure(gif[..20]));
    }

    [Fact]
    public void Cut_or_damaged_files_never_fail_otherwise()
    {
        var random = new Random(1);
        foreach (string path in Directory.GetFiles(GoldenFile.PathOf("images-modes")).Order())
        {
            byte[] whole = File.ReadAllBytes(path);
            for (int round = 0; round < 20; round++)
            {
                byte[] file = [.. whole];
                for (int flips = random.Next(4); flips > 0; flips--)
                {
                    file[random.Next(Math.Min(file.Length, 300))] = (byte)random.Next(256);
                }

                try
                {
                    int length = round % 2 == 0 ? file.Length : random.Next(file.Length);
                    using RgbImage image = ImageDecoder.Decode(new MemoryStream(file, 0, length), path);
                    TestImage.Preprocess(image, 5);
                }
                catch (ImageReadException)
                {
                }
            }
        }
    }

    [Fact]
    public void A_disposed_image_gives_no_pixels()
    {
        RgbImage image = ImageDecoder.Decode(new MemoryStream(PngFile.Create(1, 8, 2, [[1, 2, 3]])), "test");
        image.Dispose();
        image.Dispose();
        Assert.Throws<ObjectDisposedException>(() => image.Pixels.Length);
    }

    [Theory]
    [InlineData("missing.png", "no such file")]
    [InlineData("missing/missing.png", "no such file")]
    [InlineData(".", "")]
    public void Names_a_file_that_cannot_be_opened(string path, string reason)
    {
        ImageReadException error = Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(path));
        Assert.Equal(path, error.Path);
        Assert.Contains(reason, error.Reason);
    }

    [Fact]
    public void Copies_an_ml_net_image_file()
    {
        string path = GoldenFile.PathOf("images/chelsea.png");
        using var image = MLImage.CreateFromFile(path);
        (RgbImage? expected, RgbImage? copy) = (ImageDecoder.Decode(path), ImageDecoder.FromMLImage(image));
        Assert.Equal((expected.Width, expected.Height), (copy.Width, copy.Height));
        Assert.Equal(Colours(expected), Colours(copy));
    }

    [Theory]
    [InlineData(MLPixelFormat.Rgba32, new byte[] { 1, 2, 3 })]
    [InlineData(MLPixelFormat.Bgra32, new byte[] { 3, 2, 1 })]
    public void Knows_both_pixel_orders(MLPixelFormat format, byte[] rgb)
    {
        using var image = MLImage.CreateFromPixels(1, 1, format, [1, 2, 3, 255]);
        Assert.Equal(rgb, Colours(ImageDecoder.FromMLImage(image)));
    }

    [Fact]
    public void Takes_colours_above_their_alpha_as_they_are()
    {
        using var image = MLImage.CreateFromPixels(2, 1, MLPixelFormat.Rgba32, [200, 2, 3, 100, 10, 20, 30, 50]);
        Assert.Equal([200, 2, 3, 10, 20, 30], Colours(ImageDecoder.FromMLImage(image)));
    }

    // A JPEG whose frame header claims 60,000 x 1,500 pixels.
    private static byte[] Stretched(byte[] jpeg)
    {
        int frame = jpeg.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xff, 0xc0]);
        ((byte[])[0x05, 0xdc, 0xea, 0x60]).CopyTo(jpeg, frame + 5);
        return jpeg;
    }

    private static string Failure(byte[] file) =>
        Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(new MemoryStream(file), "test")).Reason;

    private static byte[] Decode(byte[] file) => Colours(ImageDecoder.Decode(new MemoryStream(file), "test"));

    private static byte[] Colours(RgbImage image) => TestImage.Colours(image.Pixels);
}
