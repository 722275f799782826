using System.Text.Json;

namespace HiMo.MLNet.Tests.Modeling;

public sealed class ClipArchitectureTests
{
    [Fact]
    public void Architectures_of_equal_values_are_equal()
    {
        var one = new ClipArchitecture(1024, 224, [3, 4, 6, 3], 64, null, 512, 12);

        Assert.Equal(ClipArchitecture.RN50, one);
        Assert.Equal(ClipArchitecture.RN50.GetHashCode(), one.GetHashCode());
        Assert.Equal(one, one with { TextMlpWidth = 2048 });                  // the default, said
        Assert.NotEqual(one, one with { VisionLayers = [3, 4, 6, 4] });
        Assert.NotEqual(one, one with { Activation = ClipActivation.Gelu });
        Assert.NotEqual(one, one with { TextHeadWidth = 32 });
        Assert.NotEqual(one, one with { VisionMlpWidth = 1 });
        Assert.False(one.Equals(null));
    }

    [Fact]
    public void JSON_of_earlier_versions_has_the_defaults_and_new_JSON_comes_back_equal()
    {
        const string old = """
            {"EmbeddingDimension":512,"ImageSize":224,"VisionLayers":[12],"VisionWidth":768,"PatchSize":32,
             "TextWidth":512,"TextLayers":12,"ContextLength":248,"VocabularySize":49408,"IsVisionTransformer":true}
            """;

        Assert.Equal(ClipArchitecture.ViTB32, JsonSerializer.Deserialize<ClipArchitecture>(old));
        string json = JsonSerializer.Serialize(ClipArchitecture.ViTg14);
        Assert.Contains("\"Activation\":\"Gelu\"", json, StringComparison.Ordinal);
        Assert.Equal(ClipArchitecture.ViTg14, JsonSerializer.Deserialize<ClipArchitecture>(json));
    }

    public static TheoryData<ClipArchitecture, double, int, int> Published => new()
    {
        { ClipArchitecture.ViTB32, 151.28, 12, 8 },
        { ClipArchitecture.ViTB16, 149.62, 12, 8 },
        { ClipArchitecture.ViTL14, 427.62, 16, 12 },
        { ClipArchitecture.ViTH14, 986.11, 16, 16 },
        { ClipArchitecture.ViTg14, 1366.68, 16, 16 },
        { ClipArchitecture.ViTbigG14, 2539.57, 16, 20 },
    };

    /// <summary>Millions of parameters as in open_clip's model profile; ours are counted without patches, biases and norms.</summary>
    [Theory]
    [MemberData(nameof(Published))]
    public void Presets_have_the_published_parameters_and_heads(ClipArchitecture preset, double millions, int visionHeads, int textHeads)
    {
        preset.Validate();
        Assert.Equal((visionHeads, textHeads), (preset.VisionHeads, preset.TextHeads));
        Assert.InRange(preset.MinimalParameterCount / 1e6 / millions, 0.98, 1);
    }

    [Fact]
    public void Presets_of_ResNets_pool_with_the_published_heads()
    {
        (ClipArchitecture Preset, int Heads, int Text)[] published =
        [
            (ClipArchitecture.RN50, 32, 8), (ClipArchitecture.RN101, 32, 8), (ClipArchitecture.RN50x4, 40, 10),
            (ClipArchitecture.RN50x16, 48, 12), (ClipArchitecture.RN50x64, 64, 16),
        ];
        Assert.All(published, row =>
        {
            row.Preset.Validate();
            Assert.Equal((row.Heads, row.Text), (row.Preset.VisionHeads, row.Preset.TextHeads));
        });
    }

    [Fact]
    public void Widths_that_heads_cannot_share_are_refused()
    {
        ClipArchitecture tiny = ToyImages.Tiny;
        (ClipArchitecture Refused, string Told)[] cases =
        [
            (tiny with { VisionHeadWidth = 48 }, "VisionWidth must be a multiple of 48 (VisionHeadWidth); it is 64"),
            (tiny with { TextHeadWidth = 48 }, "TextWidth must be a multiple of 48 (TextHeadWidth); it is 64"),
            (tiny with { TextHeadWidth = 0 }, "TextHeadWidth must be a positive number; it is 0"),
            (tiny with { VisionMlpWidth = -1 }, "VisionMlpWidth must be a positive number; it is -1"),
            (tiny with { Activation = (ClipActivation)7 }, "Activation must be a value of the enumeration; it is 7"),
            (ClipArchitecture.RN50 with { VisionHeadWidth = 96 }, "VisionHeadWidth must be a divisor of 2048"),
        ];
        Assert.All(cases, pair =>
            Assert.Contains(pair.Told, Assert.Throws<ArgumentException>(pair.Refused.Validate).Message, StringComparison.Ordinal));
    }
}
