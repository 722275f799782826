using System.Text.Json;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The samples in the shape of Model Builder, on a few drawings, with a tiny model that knows nothing of them.</summary>
public sealed class ModelBuilderSamplesTests : IDisposable
{
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Theory]
    [InlineData("zero-shot-images", @"\d+ of \d+ drawings right, with 10 labels")]
    [InlineData("image-search", @"tropical fish\.\n(  -?0\.\d{3} .+\n){5}Transport")]
    [InlineData("caption-matching", @":\n(  -?0\.\d{3} .+\.\n){4}")]
    [InlineData("product-tags", @"\d+ of \d+ products have their tag; \d+ of \d+ others have none")]
    [InlineData("apply-onnx-model", @"40 drawings, .+:\n  as they are: cosine 1\.0000 on average, .+\n  as 100 x 80 pixels: cosine 0\.\d+ on")]
    public void A_sample_trains_saves_loads_and_predicts(string name, string expected)
    {
        string folder = Path.Combine(_images.Folder, "sample");

        ProgramResult result = SamplesProgram.Run("sample", name, "--checkpoint", _images.Checkpoint(), "--drawings", "40", "--output", folder);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Matches(expected, result.Output.ReplaceLineEndings("\n"));
        Assert.Single(Directory.EnumerateFiles(folder, "*.mlnet"));
    }

    [Theory]
    [InlineData("ZeroShotImages")]
    [InlineData("ImageSearch")]
    [InlineData("CaptionMatching")]
    [InlineData("ProductTags")]
    public void A_sample_has_the_files_of_Model_Builder(string name)
    {
        string folder = Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet.Samples", "ModelBuilder", name);

        Assert.Equal([$"{name}.consumption.cs", $"{name}.mbconfig", $"{name}.training.cs"],
            Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        JsonElement settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, $"{name}.mbconfig"))).RootElement;
        Assert.Equal("TrainingConfig", settings.GetProperty("Type").GetString());
    }
}
