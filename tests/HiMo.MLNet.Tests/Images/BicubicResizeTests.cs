using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Images;

public sealed class BicubicResizeTests
{
    private static readonly byte[] s_ramp = [10, 20, 60, 100, 120, 200];

    [Fact]
    public void A_box_between_pixels_weighs_four_neighbours() =>
        // Half-way weights of cubic convolution: (-1, 9, 9, -1) / 16, so 38.125, 81.25 and 107.5.
        Assert.Equal([38, 81, 108], Row(s_ramp, 1.5f, 4.5f, 3));

    [Fact]
    public void A_box_of_whole_pixels_at_scale_one_is_a_crop() =>
        Assert.Equal([60, 100, 120], Row(s_ramp, 2, 5, 3));

    [Fact]
    public void The_support_grows_with_the_reduction() =>
        // Two to one reads eight pixels: (-3, -9, 29, 111, 111, 29, -9, -3) / 256. Before the step -3 / 256 is clipped,
        // then 17 / 256; at the right edge weights are missing, so 242 / 259 and 242 / 239 of 160.
        Assert.Equal([0, 0, 0, 11, 149, 162], Row([.. new byte[8], 160, 160, 160, 160], 0, 12, 6));

    [Fact]
    public void Overshoot_is_clipped() =>
        // One to two: a quarter pixel from the step 0.203125 of 255; farther off -18 and 273 before clipping.
        Assert.Equal([0, 0, 0, 52, 203, 255, 255, 255], Row([0, 0, 255, 255], 0, 4, 8));

    [Fact]
    public void A_window_equals_the_same_part_of_the_whole()
    {
        RgbImage image = ImageDecoder.Decode(GoldenFile.PathOf("images/chelsea.png"));
        var box = new SourceBox(10.3f, 20.7f, 401.2f, 290);
        byte[] whole = new byte[101 * 67 * RgbImage.PixelBytes];
        BicubicResize.Resize(image, box, 101, 67, 0, 0, 101, 67, whole);
        byte[] window = new byte[40 * 30 * RgbImage.PixelBytes];
        BicubicResize.Resize(image, box, 101, 67, 55, 33, 40, 30, window);
        byte[] colours = TestImage.Colours(whole);
        IEnumerable<byte> expected = Enumerable.Range(33, 30).SelectMany(y => colours[(((y * 101) + 55) * 3)..(((y * 101) + 95) * 3)]);
        Assert.Equal(expected, TestImage.Colours(window));
    }

    [Fact]
    public void Names_a_box_outside_the_image() =>
        Assert.Contains("6 x 1", Assert.Throws<ArgumentException>(() => Row(s_ramp, 1, 7, 3)).Message);

    /// <summary>Resizes an image of one grey row, and, so that both passes are seen, its transpose.</summary>
    private static byte[] Row(byte[] grey, float left, float right, int length)
    {
        (byte[]? across, byte[]? down) = (new byte[length * RgbImage.PixelBytes], new byte[length * RgbImage.PixelBytes]);
        BicubicResize.Resize(TestImage.Grey(grey.Length, 1, grey), new(left, 0, right, 1), length, 1, 0, 0, length, 1, across);
        BicubicResize.Resize(TestImage.Grey(1, grey.Length, grey), new(0, left, 1, right), 1, length, 0, 0, 1, length, down);
        Assert.Equal(TestImage.Colours(across), TestImage.Colours(down));
        return [.. across.Chunk(RgbImage.PixelBytes).Select(pixel => pixel[..3].Distinct().Single())];
    }
}
