using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Images;

[Trait("Category", "Fidelity")]
public sealed class ClipPreprocessorTests
{
    private static readonly Dictionary<string, (long[] Shape, float[] Values)> s_golden = GoldenFile.Read("preprocess.expected.safetensors");

    public static TheoryData<string> GoldenImages => [.. s_golden.Keys];

    [Theory]
    [MemberData(nameof(GoldenImages))]
    public void Reproduces_pillow(string image)
    {
        (string? file, int size) = (image.Split('@')[0], int.Parse(image.Split('@')[1]));
        var preprocessor = new ClipPreprocessor(size);
        byte[] planes = new byte[preprocessor.Length];
        preprocessor.Process(ImageDecoder.Decode(GoldenFile.PathOf($"images/{file}")), planes);
        float[] values = new float[planes.Length];
        preprocessor.Normalize(planes, values);

        float[] expected = s_golden[image].Values;
        int[] differences = new int[256];
        for (int i = 0; i < values.Length; i++)
        {
            int channel = i / (size * size);
            differences[(int)Math.Round(Math.Abs(values[i] - expected[i]) * ClipPreprocessor.Std[channel] * 255)]++;
        }

        Fidelity.Record($"images: decode, resize, crop, normalise, photographs, {Path.GetExtension(file).TrimStart('.').ToUpperInvariant()}",
            values.Length, Array.FindLastIndex(differences, n => n > 0), "of 255");

        string summary = string.Join(", ", differences.Index().Where(pair => pair.Item > 0).Select(pair => $"{pair.Item} values differ by {pair.Index}"));
        if (file.EndsWith(".png", StringComparison.Ordinal))
        {
            Assert.True(differences[0] == values.Length, summary);
        }
        else
        {
            Assert.True(differences[..3].Sum() >= 0.999 * values.Length, summary);
        }

        // Normalisation itself.
        Assert.All(values.Zip(expected), pair => Assert.Equal(pair.Second, pair.First, differences[0] == values.Length ? 1e-6f : 0.2f));
    }

    [Fact]
    public void Crops_the_centre_with_the_original_rounding()
    {
        // Shorter side 4 stays; 4 x 7 leaves 3 rows over: offset round(1.5) = 2; 4 x 5 leaves 1: round(0.5) = 0.
        Assert.Equal([2, 3, 4, 5], RowsKept(height: 7));
        Assert.Equal([0, 1, 2, 3], RowsKept(height: 5));

        static IEnumerable<int> RowsKept(int height)
        {
            RgbImage image = TestImage.Grey(4, height, [.. Enumerable.Range(0, 4 * height).Select(i => (byte)(i / 4))]);
            byte[] planes = new byte[3 * 4 * 4];
            new ClipPreprocessor(4).Process(image, planes);
            return planes.Take(16).Chunk(4).Select(row => (int)row.Distinct().Single());
        }
    }

    [Fact]
    public void Writes_planes_of_red_green_and_blue()
    {
        byte[] planes = new byte[12];
        new ClipPreprocessor(2).Process(TestImage.Rgb(2, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), planes);
        Assert.Equal([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12], planes);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 65_535)]
    [InlineData(65_535, 1)]
    [InlineData(3, 700)]
    public void Copes_with_extreme_shapes(int width, int height)
    {
        byte[] planes = new byte[3 * 224 * 224];
        new ClipPreprocessor(224).Process(TestImage.Plain(width, height, 77, 77, 77), planes);
        Assert.All(planes, value => Assert.Equal(77, value));
    }

    [Fact]
    public void Normalizes_a_batch_like_its_images()
    {
        byte[] planes = [.. Enumerable.Range(0, 24).Select(i => (byte)(i * 10))];
        float[] together = new float[24];
        ClipPreprocessor.Normalize(planes, together, planeLength: 4);
        float[] alone = new float[12];
        new ClipPreprocessor(2).Normalize(planes.AsSpan(12), alone);
        Assert.Equal(together[12..], alone);
        Assert.Equal(((40 / 255f) - 0.4578275f) / 0.26130258f, together[4], 1e-6f);
    }

    [Fact]
    public void Names_a_wrong_length() =>
        Assert.Contains("found 5", Assert.Throws<ArgumentException>(() => new ClipPreprocessor(2).Process(TestImage.Plain(1, 1, 0, 0, 0), new byte[5])).Message);
}
