using HiMo.MLNet.Modeling;
using HiMo.MLNet.Training;

namespace HiMo.MLNet.Tests.Training;

/// <summary>Which parameters a training leaves as they are, by name.</summary>
public sealed class FreezingTests
{
    private static readonly ClipArchitecture s_transformer = ToyImages.Tiny with { VisionLayers = [2], TextLayers = 2 };
    private static readonly ClipArchitecture s_resNet = new(32, 32, [1, 1, 1, 1], 2, null, 64, 1);

    private static (string[] Frozen, string[] Trained) Apply(
        ClipArchitecture architecture, Action<HiMoClipOptions> change, bool stretched = false)
    {
        using var model = new ClipModel(architecture);
        var options = new HiMoClipOptions();
        change(options);
        Freezing.Apply(model, options, stretched);
        ILookup<bool, string> names = model.named_parameters().ToLookup(p => p.parameter.requires_grad, p => p.name);
        return ([.. names[false]], [.. names[true]]);
    }

    private static bool IsImage(string name) => name.StartsWith("visual.", StringComparison.Ordinal);

    [Fact]
    public void Nothing_is_frozen_unless_it_is_asked_for()
    {
        Assert.Empty(Apply(s_transformer, _ => { }).Frozen);
        Assert.Empty(Apply(s_resNet, _ => { }).Frozen);
    }

    [Fact]
    public void A_tower_is_frozen_without_the_other_and_without_the_scale()
    {
        (string[] frozen, string[] trained) = Apply(s_transformer, o => o.FreezeImageTower = true);
        Assert.All(frozen, name => Assert.True(IsImage(name), name));
        Assert.DoesNotContain(trained, IsImage);

        (frozen, trained) = Apply(s_transformer, o => o.FreezeTextTower = true);
        Assert.DoesNotContain(frozen, IsImage);
        Assert.Equal(["logit_scale"], trained.Where(name => !IsImage(name)));
    }

    [Fact]
    public void The_first_blocks_of_texts_are_frozen_with_the_tables_before_them()
    {
        string[] frozen = Apply(s_transformer, o => o.FrozenTextBlocks = 1).Frozen;

        Assert.Equal(["positional_embedding", "positional_embedding_res", "token_embedding.weight"],
            frozen.Where(name => !name.StartsWith("transformer.resblocks.0.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains("transformer.resblocks.0.attn.in_proj_weight", frozen);
    }

    [Fact]
    public void The_first_blocks_of_a_transformer_for_images_are_frozen_with_what_comes_before_them()
    {
        string[] trained = [.. Apply(s_transformer, o => o.FrozenImageBlocks = 1).Trained.Where(IsImage)];

        const string second = "visual.transformer.resblocks.1.";
        Assert.Equal(["visual.ln_post.bias", "visual.ln_post.weight", "visual.proj"],
            trained.Where(name => !name.StartsWith(second, StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Contains(second + "mlp.c_fc.weight", trained);
    }

    [Fact]
    public void The_first_stages_of_a_ResNet_are_frozen_with_what_comes_before_them()
    {
        string[] trained = [.. Apply(s_resNet, o => o.FrozenImageBlocks = 2).Trained.Where(IsImage)];

        Assert.Equal(["attnpool", "layer3", "layer4"], trained.Select(name => name.Split('.')[1]).Distinct().Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(true, null, true)]
    [InlineData(false, null, false)]
    [InlineData(true, false, false)]
    [InlineData(false, true, true)]
    public void The_first_positions_are_frozen_where_they_were_stretched_or_that_is_asked_for(bool stretched, bool? asked, bool expected)
    {
        string[] frozen = Apply(s_transformer, o => o.FreezeFirstPositions = asked, stretched).Frozen;

        Assert.Equal(expected ? ["positional_embedding"] : [], frozen);
    }

    [Theory]
    [InlineData(true, 2, 0, null)]
    [InlineData(true, 3, 0, "FrozenImageBlocks must be at most 2, the blocks of the tower; it is 3")]
    [InlineData(true, 0, 2, null)]
    [InlineData(true, 0, 3, "FrozenTextBlocks must be at most 2, the blocks of the tower; it is 3")]
    [InlineData(false, 4, 0, null)]
    [InlineData(false, 5, 0, "FrozenImageBlocks must be at most 4, the blocks of the tower; it is 5")]
    public void More_blocks_than_there_are_cannot_be_frozen(bool transformer, int image, int text, string? expected)
    {
        void Freeze() => Apply(transformer ? s_transformer : s_resNet, o => (o.FrozenImageBlocks, o.FrozenTextBlocks) = (image, text));

        if (expected is null)
        {
            Freeze();
            return;
        }

        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(Freeze);
        Assert.Contains("HiMoClipOptions." + expected, error.Message, StringComparison.Ordinal);
    }
}
