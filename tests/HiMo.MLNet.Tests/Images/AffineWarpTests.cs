using System.Drawing;
using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Images;

public sealed class AffineWarpTests
{
    private static readonly RgbImage s_nine = Grey(3, 1, 2, 3, 4, 5, 6, 7, 8, 9);

    [Fact]
    public void Without_rotation_it_copies_the_rectangle() =>
        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9], Warp(s_nine, (1.5, 1.5), 3, 0, 3));

    [Fact]
    public void A_quarter_turn_of_the_rectangle_turns_the_image_the_other_way() =>
        Assert.Equal([3, 6, 9, 2, 5, 8, 1, 4, 7], Warp(s_nine, (1.5, 1.5), 3, 90, 3));

    [Fact]
    public void A_half_turn_reverses_the_image() =>
        Assert.Equal([9, 8, 7, 6, 5, 4, 3, 2, 1], Warp(s_nine, (1.5, 1.5), 3, 180, 3));

    [Fact]
    public void The_background_shows_outside() =>
        Assert.Equal([255, 255, 255, 255, 1, 2, 255, 4, 5], Warp(s_nine, (0.5, 0.5), 3, 0, 3));

    [Fact]
    public void Between_pixels_it_blends_the_nearest_four() =>
        // Samples at 0 (the outer edge of pixel 0, which has no one to blend with) and 1 (half-way between 0 and 1).
        Assert.Equal([0, 2, 4, 8], Warp(Grey(2, 0, 4, 8, 20), (0.5, 0.5), 2, 0, 2));

    [Fact]
    public void A_strong_reduction_averages_instead_of_picking() =>
        // Stripes one pixel wide come out grey, not as one of their two colours.
        Assert.All(
            Warp(Grey(200, [.. Enumerable.Range(0, 200 * 200).Select(i => (byte)(i % 2 * 200))]), (100, 100), 100, 30, 10),
            value => Assert.InRange(value, 98, 102));

    [Fact]
    public void A_single_pixel_can_be_enlarged() =>
        Assert.All(Warp(Grey(1, 7), (0.5, 0.5), 1, 0, 48), value => Assert.Equal(7, value));

    [Theory]
    [InlineData(1, 5000)]
    [InlineData(5000, 1)]
    public void Copes_with_extreme_shapes(int width, int height)
    {
        byte[] result = new byte[48 * 48 * RgbImage.PixelBytes];
        RgbImage image = TestImage.Plain(width, height, 0, 0, 0);
        AffineWarp.Warp(image, (width / 2.0, height / 2.0), (width, height), 0, 48, Color.White, result);
        Assert.All(TestImage.Colours(result), value => Assert.Equal(0, value));
        AffineWarp.Warp(image, (width / 2.0, height / 2.0), (width, height), 1, 48, Color.White, result);
    }

    private static RgbImage Grey(int width, params byte[] values) =>
        TestImage.Grey(width, values.Length / width, values);

    private static IEnumerable<byte> Warp(RgbImage image, (double X, double Y) centre, double extent, double degrees, int size)
    {
        byte[] result = new byte[size * size * RgbImage.PixelBytes];
        AffineWarp.Warp(image, centre, (extent, extent), degrees * Math.PI / 180, size, Color.White, result);
        return result.Chunk(RgbImage.PixelBytes).Select(pixel => pixel[..3].Distinct().Single());
    }
}
