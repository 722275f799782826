using System.Drawing;
using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Images;

public sealed class ImageAugmenterTests
{
    private const int Size = 32;

    private static readonly RgbImage s_square = ImageDecoder.Decode(GoldenFile.PathOf("images/astronaut.png"));
    private static readonly RgbImage s_wide = ImageDecoder.Decode(GoldenFile.PathOf("images/wide.png"));
    private static readonly ImageAugmentation s_still = new() { MinScale = 1 };

    [Fact]
    public void Without_variation_a_square_image_is_preprocessed_as_ever() =>
        Assert.Equal(TestImage.Preprocess(s_square, Size), Augment(s_square, s_still, seed: 1));

    [Fact]
    public void A_certain_flip_mirrors() =>
        Assert.Equal(
            TestImage.Preprocess(s_square, Size).Chunk(Size).SelectMany(row => row.Reverse()),
            Augment(s_square, s_still with { HorizontalFlip = 1 }, seed: 1));

    [Fact]
    public void By_default_it_crops_a_little_and_never_mirrors()
    {
        byte[] original = TestImage.Preprocess(s_square, Size);
        byte[] mirrored = Augment(s_square, s_still with { HorizontalFlip = 1 }, seed: 1);
        for (int seed = 0; seed < 20; seed++)
        {
            byte[] variation = Augment(s_square, new(), seed);
            Assert.NotEqual(original, variation);
            Assert.True(Difference(original, variation) < Difference(mirrored, variation));
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_image()
    {
        ImageAugmentation options = Everything;
        Assert.Equal(Augment(s_square, options, seed: 3), Augment(s_square, options, seed: 3));
        Assert.NotEqual(Augment(s_square, options, seed: 3), Augment(s_square, options, seed: 4));
    }

    [Fact]
    public void Every_image_takes_as_many_draws()
    {
        (Random? first, Random? second) = (new Random(5), new Random(5));
        new ImageAugmenter(s_still, Size).Process(s_square, first, new byte[3 * Size * Size]);
        new ImageAugmenter(Everything, Size).Process(s_wide, second, new byte[3 * Size * Size]);
        Assert.Equal(first.Next(), second.Next());
    }

    [Fact]
    public void A_shrunken_image_stands_on_its_background()
    {
        // Four times the area: the black image covers a quarter of the result, the rest is red.
        RgbImage black = TestImage.Plain(64, 64, 0, 0, 0);
        byte[] planes = Augment(black, new() { MinScale = 4, MaxScale = 4, Background = Color.Red }, seed: 2);
        Assert.InRange(planes.Take(Size * Size).Average(red => red), 0.74 * 255, 0.76 * 255);
        Assert.All(planes.Skip(Size * Size), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Rotation_shows_the_background_in_the_corners_and_keeps_the_centre()
    {
        RgbImage black = TestImage.Plain(64, 64, 0, 0, 0);
        byte[] planes = Augment(black, s_still with { Rotation = 180 }, seed: 8);
        Assert.Equal(255, planes[0]);
        Assert.Equal(0, planes[(Size / 2 * Size) + (Size / 2)]);
    }

    [Fact]
    public void Brightness_multiplies_every_value()
    {
        byte[] planes = Augment(Plain(40, 80, 120), s_still with { Brightness = 1 }, seed: 4);
        double factor = planes[0] / 40.0;
        Assert.NotEqual(1, factor, 0.05);
        Assert.InRange(planes[Size * Size], (80 * factor) - 2, (80 * factor) + 2);
        Assert.InRange(planes[2 * Size * Size], (120 * factor) - 3, (120 * factor) + 3);
    }

    [Fact]
    public void Contrast_leaves_a_grey_image_alone() =>
        Assert.All(Augment(Plain(90, 90, 90), s_still with { Contrast = 1 }, seed: 4), value => Assert.Equal(90, value));

    [Fact]
    public void Contrast_moves_values_about_the_mean_grey()
    {
        // Half 60, half 140, mean 100.
        RgbImage image = TestImage.Grey(2, 2, 60, 140, 60, 140);
        byte[] planes = new byte[12];
        new ImageAugmenter(s_still with { Contrast = 1 }, 2).Process(image, new Random(4), planes);
        Assert.Equal(200, planes[0] + planes[1], 1.0);
        Assert.NotEqual(60, planes[0]);
    }

    [Fact]
    public void Saturation_moves_colours_about_their_own_grey_and_keeps_it()
    {
        byte[] planes = Augment(Plain(40, 80, 120), s_still with { Saturation = 1 }, seed: 4);
        (byte red, byte green, byte blue) = (planes[0], planes[Size * Size], planes[2 * Size * Size]);
        Assert.NotEqual(40, red);
        Assert.Equal((0.299 * 40) + (0.587 * 80) + (0.114 * 120), (0.299 * red) + (0.587 * green) + (0.114 * blue), 1.0);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 900)]
    [InlineData(900, 3)]
    [InlineData(65, 64)]
    public void Works_for_every_shape_and_seed(int width, int height)
    {
        RgbImage image = TestImage.Plain(width, height, 0, 0, 0);
        ImageAugmentation[] options = [new(), new() { MinScale = 0.05 }, new() { MinScale = 0.05, MaxScale = 4 }, s_still, Everything];
        foreach (ImageAugmentation option in options)
        {
            for (int seed = 0; seed < 200; seed++)
            {
                Augment(image, option, seed);
            }
        }
    }

    [Fact]
    public void Names_the_option_that_is_out_of_range()
    {
        (ImageAugmentation Options, string Name)[] cases =
        [
            (new() { MinScale = 0 }, "MinScale"), (new() { MinScale = 1.1 }, "MinScale"), (new() { MaxScale = 5 }, "MaxScale"),
            (new() { MinScale = double.NaN }, "MinScale"), (new() { HorizontalFlip = -0.1 }, "HorizontalFlip"), (new() { Rotation = 181 }, "Rotation"),
            (new() { Shift = 2 }, "Shift"), (new() { Brightness = -1 }, "Brightness"), (new() { Contrast = double.NaN }, "Contrast"),
            (new() { Saturation = 1.5 }, "Saturation"),
        ];
        Assert.All(cases, wrong =>
        {
            ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => new ImageAugmenter(wrong.Options, Size));
            Assert.StartsWith($"ImageAugmentation.{wrong.Name}: expected ", error.Message);
        });
    }

    private static ImageAugmentation Everything => new()
    {
        MinScale = 0.7,
        MaxScale = 1.3,
        HorizontalFlip = 0.5,
        Rotation = 15,
        Shift = 0.1,
        Brightness = 0.2,
        Contrast = 0.2,
        Saturation = 0.2,
    };

    private static RgbImage Plain(byte red, byte green, byte blue) =>
        TestImage.Plain(Size, Size, red, green, blue);

    private static byte[] Augment(RgbImage image, ImageAugmentation options, int seed)
    {
        byte[] planes = new byte[3 * Size * Size];
        new ImageAugmenter(options, Size).Process(image, new Random(seed), planes);
        return planes;
    }

    private static double Difference(byte[] a, byte[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Average();
}
