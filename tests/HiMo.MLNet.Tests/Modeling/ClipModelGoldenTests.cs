using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

[Trait("Category", "Fidelity")]
public class ClipModelGoldenTests
{
    private const double Forward = 1e-5;

    [Theory]
    [InlineData("pt")]
    [InlineData("safetensors")]
    public void Reads_the_sizes_of_a_vision_transformer_off_its_checkpoint(string extension)
    {
        using var clip = new TinyClip("tiny-vit", extension);
        ClipArchitecture found = clip.Model.Architecture;
        Assert.True(found.IsVisionTransformer);
        Assert.Equal([2], found.VisionLayers);
        Assert.Equal((64, 64, 128, 16, 128, 2, 248, 300), (found.EmbeddingDimension, found.ImageSize, found.VisionWidth,
            found.PatchSize, found.TextWidth, found.TextLayers, found.ContextLength, found.VocabularySize));
    }

    [Theory]
    [InlineData("pt")]
    [InlineData("safetensors")]
    public void Reads_the_sizes_of_a_ResNet_off_its_checkpoint(string extension)
    {
        using var clip = new TinyClip("tiny-rn", extension);
        ClipArchitecture found = clip.Model.Architecture;
        Assert.False(found.IsVisionTransformer);
        Assert.Equal([1, 2, 1, 1], found.VisionLayers);
        Assert.Equal((48, 64, 8, null, 64, 1, 248, 300), (found.EmbeddingDimension, found.ImageSize, found.VisionWidth,
            found.PatchSize, found.TextWidth, found.TextLayers, found.ContextLength, found.VocabularySize));
    }

    [Theory]
    [InlineData("tiny-vit", "pt")]
    [InlineData("tiny-vit", "safetensors")]
    [InlineData("tiny-rn", "pt")]
    [InlineData("tiny-rn", "safetensors")]
    public void Embeds_images_and_captions_as_PyTorch_does(string name, string extension)
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip(name, extension);
        using IDisposable _ = no_grad();
        Closeness.Within(Forward, clip.Expected("image_features"), clip.Model.EncodeImage(clip.Images), "image features", $"networks: image tower, {name}, .{extension}");
        Closeness.Within(
            Forward, clip.Expected("text_features"), clip.Model.EncodeText(clip.Tokens), "text features", $"networks: text tower, {name}, .{extension}");
    }

    [Theory]
    [InlineData("tiny-vit")]
    [InlineData("tiny-rn")]
    public void Columns_after_the_last_end_token_change_nothing(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip(name);
        using IDisposable _ = no_grad();
        Tensor expected = clip.Expected("text_features");
        Tensor uncut = clip.Model.EncodeText(clip.Tokens);

        // The captions grow: 5, 9, 22, 47 and 122 tokens; the first two stay below the 20 positions of the first table.
        foreach ((int captions, int length) in new[] { (1, 5), (2, 9), (3, 22), (4, 47), (5, 122) })
        {
            Tensor cut = clip.Tokens.narrow(0, 0, captions).narrow(1, 0, length);
            Closeness.Within(Forward, expected.narrow(0, 0, captions), clip.Model.EncodeText(cut), $"{captions} captions of {length} tokens");
            Closeness.Within(1e-6f, uncut.narrow(0, 0, captions), clip.Model.EncodeText(cut), $"{captions} captions of {length} tokens against uncut");
        }
    }

    [Theory]
    [InlineData("tiny-vit")]
    [InlineData("tiny-rn")]
    public void Saved_weights_read_back_into_a_new_model_embed_alike(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip(name);
        using IDisposable _ = no_grad();
        using var stream = new MemoryStream();
        ClipWeights.Save(clip.Model, stream);
        stream.Position = 0;
        using ClipModel copy = ClipWeights.Read(stream, stream.Length, "saved model");
        copy.eval();
        Closeness.Within(0, clip.Model.EncodeImage(clip.Images), copy.EncodeImage(clip.Images), "image features");
        Closeness.Within(0, clip.Model.EncodeText(clip.Tokens), copy.EncodeText(clip.Tokens), "text features");
    }

    [Fact]
    public void Embedding_leaves_no_tensors_behind()
    {
        using var clip = new TinyClip("tiny-rn");
        using IDisposable _ = no_grad();
        clip.Model.EncodeImage(clip.Images).Dispose();
        clip.Model.EncodeText(clip.Tokens).Dispose();
        using DisposeScope scope = NewDisposeScope();
        using (clip.Model.EncodeImage(clip.Images))
        using (clip.Model.EncodeText(clip.Tokens))
        {
            Assert.Equal(2, scope.DisposablesCount);
        }

        Assert.Equal(0, scope.DisposablesCount);
    }

    [Fact]
    public void Images_of_another_shape_are_refused_with_both_shapes_in_the_message()
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip("tiny-vit");
        foreach (Tensor? images in new[] { zeros(2, 3, 32, 64), zeros(2, 1, 64, 64), zeros(3, 64, 64) })
        {
            ArgumentException error = Assert.Throws<ArgumentException>("images", () => clip.Model.EncodeImage(images));
            Assert.Contains("(batch, 3, 64, 64)", error.Message);
            Assert.Contains($"({string.Join(", ", images.shape)})", error.Message);
        }
    }

    [Fact]
    public void Tokens_of_another_shape_or_type_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var clip = new TinyClip("tiny-vit");
        foreach (Tensor? tokens in new[] { zeros(2, 249, dtype: ScalarType.Int64), zeros(2, 0, dtype: ScalarType.Int64), zeros(248, dtype: ScalarType.Int64), zeros(2, 248, dtype: ScalarType.Float32) })
        {
            ArgumentException error = Assert.Throws<ArgumentException>("tokens", () => clip.Model.EncodeText(tokens));
            Assert.Contains("248", error.Message);
            Assert.Contains($"{tokens.dtype} ({string.Join(", ", tokens.shape)})", error.Message);
        }
    }
}
