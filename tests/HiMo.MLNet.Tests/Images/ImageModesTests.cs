using HiMo.MLNet.Images;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Images;

/// <summary>Small images in every mode and format against Pillow: tests/regenerate/images.py makes both.</summary>
[Trait("Category", "Fidelity")]
public sealed class ImageModesTests
{
    private const int Size = 16;

    // Another folder that the script wrote.
    private static readonly string s_folder = Environment.GetEnvironmentVariable("HIMO_IMAGE_CASES") ?? "images-modes";

    private static readonly Dictionary<string, (long[] Shape, float[] Values)> s_golden =
        GoldenFile.Read(Path.Combine(s_folder, "expected.safetensors"));

    public static TheoryData<string> Images => [.. s_golden.Keys];

    [Theory]
    [MemberData(nameof(Images))]
    public void Preprocesses_every_mode_as_the_original_does(string image)
    {
        byte[] planes = TestImage.Preprocess(ImageDecoder.Decode(PathOf(image)), Size);
        int[] differences = Differences(image, planes);
        string format = Path.GetExtension(image).TrimStart('.').ToUpperInvariant();
        Fidelity.Record($"images: decode, resize, crop, {format} of every mode", planes.Length, Array.FindLastIndex(differences, n => n > 0), "of 255");
        int within = image.EndsWith(".jpg", StringComparison.Ordinal) ? 2 : 0;
        Assert.True(differences[..(within + 1)].Sum() >= 0.999 * planes.Length, string.Join(' ', differences));
    }

    // What ML.NET's own decoder keeps: no palettes, not more than 8 bits, nothing under full transparency.
    [Theory]
    [InlineData("rgb8.png")]
    [InlineData("rgb8-interlaced.png")]
    [InlineData("rgb16.png")]
    [InlineData("rgb8-alpha.png")]
    [InlineData("rgb8-alpha-interlaced.png")]
    [InlineData("rgb16-alpha.png")]
    [InlineData("grey2.png")]
    [InlineData("grey8.png")]
    [InlineData("grey8-alpha.png")]
    [InlineData("grey16-alpha.png")]
    [InlineData("grey8.bmp")]
    [InlineData("rgb24.bmp")]
    [InlineData("rgb32-alpha.bmp")]
    [InlineData("lossless.webp")]
    public void An_ml_net_image_gives_the_same(string file)
    {
        using var image = MLImage.CreateFromFile(PathOf(file));
        byte[] planes = TestImage.Preprocess(ImageDecoder.FromMLImage(image), Size);
        Assert.Equal(planes.Length, Differences(file, planes)[0]);
    }

    [Fact]
    public void A_varied_training_image_never_shows_what_is_hidden()
    {
        // Green that nobody sees around a red square; turned about, so that the background shows, too.
        byte[] rgba = [.. Enumerable.Range(0, 40 * 40).SelectMany(i => i % 40 is > 9 and < 30 && i / 40 is > 9 and < 30
            ? (byte[])[255, 0, 0, 255]
            : [0, 255, 0, 0])];
        byte[] file = PngFile.Create(40, 8, 6, [.. rgba.Chunk(160)]);
        foreach (double rotation in (double[])[0, 30])
        {
            byte[] planes = new byte[3 * Size * Size];
            var augmenter = new ImageAugmenter(new() { Rotation = rotation, Background = System.Drawing.Color.Black }, Size);
            augmenter.Process(ImageDecoder.Decode(new MemoryStream(file), "cut-out"), new Random(1), planes);
            Assert.All(planes[(Size * Size)..], value => Assert.Equal(0, value));
            Assert.Contains(planes, value => value == 255);
        }
    }

    [Fact]
    public void A_gif_whose_frame_is_grey_beside_colours_for_all_is_read_though_Pillow_refuses_it()
    {
        byte[] file = File.ReadAllBytes(GoldenFile.PathOf("images-modes/grey-palette.gif"));
        byte[] greys = file[13..(13 + 768)];
        Assert.Equal((byte)',', file[781]);
        byte[] colours = [.. greys.Select((value, i) => i % 3 == 0 ? value : (byte)90)];
        byte[] both = [.. file[..13], .. colours, .. file[781..790], (byte)(file[790] | 0x87), .. greys, .. file[791..]];

        Assert.Equal(Preprocess(file), Preprocess(both));
    }

    [Fact]
    public void A_bitmap_of_one_bit_and_one_colour_is_read_though_Pillow_refuses_it()
    {
        byte[] file = File.ReadAllBytes(GoldenFile.PathOf("images-modes/black-and-white.bmp"));
        file[46] = 1;                                                         // colours used

        // What was white lies beyond the palette now: the grey of its number.
        Assert.Equal([0, 1], [.. Preprocess(file).Distinct().Order()]);
    }

    private static byte[] Preprocess(byte[] file) => TestImage.Preprocess(ImageDecoder.Decode(new MemoryStream(file), "image"), Size);

    private static string PathOf(string image) => GoldenFile.PathOf(Path.Combine(s_folder, image));

    // How many values differ by 0, 1, 2, ...
    private static int[] Differences(string image, byte[] planes)
    {
        int[] counts = new int[256];
        foreach ((byte value, float expected) in planes.Zip(s_golden[image].Values))
        {
            counts[(int)Math.Abs(value - expected)]++;
        }

        return counts;
    }
}
