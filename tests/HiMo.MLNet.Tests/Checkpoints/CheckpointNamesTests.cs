using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class CheckpointNamesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly Dictionary<string, Tensor> _golden;

    public CheckpointNamesTests()
    {
        using var checkpoint = Checkpoint.Open("Golden/tiny-vit.safetensors");
        _golden = checkpoint.Tensors.Keys.ToDictionary(name => name, checkpoint.Read);

        // Neither Hugging Face nor open_clip knows the second position table.
        _golden.Remove("positional_embedding_res");
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("safetensors")]
    [InlineData("zip")]
    public void Reads_a_model_of_Hugging_Face_as_the_original(string format)
    {
        (string, Tensor)[] renamed =
        [
            .. HuggingFace(),
            ("text_model.embeddings.position_ids", arange(248).unsqueeze(0)),
            ("vision_model.embeddings.position_ids", arange(17).unsqueeze(0)),
        ];
        AssertGolden(PyTorchFormatTests.Write(format, renamed));
    }

    [Fact]
    public void Reads_a_model_of_open_clip_with_its_own_text_tower_as_the_original()
    {
        IEnumerable<(string, Tensor Value)> renamed = _golden.Select(entry => (
            entry.Key.StartsWith("visual.", StringComparison.Ordinal) || entry.Key == "logit_scale" ? entry.Key : $"text.{entry.Key}",
            entry.Value));
        AssertGolden(CheckpointWriter.Zip([.. renamed, ("text.attn_mask", zeros(248, 248))]));
    }

    [Fact]
    public void Reads_a_projection_that_open_clip_keeps_as_a_linear_layer()
    {
        IEnumerable<(string, Tensor)> renamed = _golden.Select(entry => entry.Key == "text_projection" ? ("text.text_projection.weight", entry.Value.t()) : (entry.Key, entry.Value));
        AssertGolden(SafetensorsTests.Write([.. renamed]));
    }

    [Fact]
    public void Drops_what_archives_of_OpenAI_keep_beside_the_weights() => AssertGolden(CheckpointWriter.TorchScript(
    [
        .. _golden.Select(entry => (entry.Key, entry.Value)),
        ("input_resolution", tensor(224)), ("context_length", tensor(77)), ("vocab_size", tensor(49408)),
        ("transformer.resblocks.0.attn_mask", zeros(77, 77)),
    ]));

    [Fact]
    public void Stacks_projections_of_half_precision()
    {
        IEnumerable<(string, Tensor)> parts = new[] { "q", "k", "v" }.Select((name, i) =>
            ($"text_model.encoder.layers.11.self_attn.{name}_proj.weight", full([2, 2], i + 1).to(ScalarType.Float16)));
        using var checkpoint = Checkpoint.Open(_folder.Write("qkv", SafetensorsTests.Write([.. parts])));

        TensorInfo info = Assert.Single(checkpoint.Tensors).Value;
        Assert.Equal("transformer.resblocks.11.attn.in_proj_weight", info.Name);
        Assert.Equal([6L, 2], info.Shape);
        Assert.Equal(24, info.ByteCount);
        TensorAssert.SameBits(
            tensor(new float[,] { { 1, 1 }, { 1, 1 }, { 2, 2 }, { 2, 2 }, { 3, 3 }, { 3, 3 } }).to(ScalarType.Float16), checkpoint.Read(info.Name));
    }

    [Fact]
    public void Leaves_unknown_names_for_the_caller_to_judge()
    {
        using var checkpoint = Checkpoint.Open(_folder.Write("odd", SafetensorsTests.Write(
            [("text_model.encoder.layers.0.adapter.weight", ones(1)), ("text.cls_emb", ones(2)), ("logit_bias", ones(3))])));
        Assert.Equal(["text_model.encoder.layers.0.adapter.weight", "text.cls_emb", "logit_bias"], checkpoint.Tensors.Keys);
    }

    [Theory]
    [InlineData("visual.trunk.patch_embed.proj.weight", "the image tower is not CLIP's own")]
    [InlineData("visual.blocks.0.attn.qkv.weight", "the image tower is not CLIP's own")]
    [InlineData("text.transformer.embeddings.word_embeddings.weight", "the text tower is not CLIP's own")]
    public void Refuses_towers_of_other_kinds_by_name(string name, string expected)
    {
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Write("other", SafetensorsTests.Write([(name, ones(1))]))));
        Assert.Contains($"tensor '{name}': {expected}", error.Message);
    }

    [Fact]
    public void Refuses_projections_that_are_incomplete_or_do_not_match()
    {
        const string prefix = "vision_model.encoder.layers.3.self_attn.";
        Expect("found no v_proj", ($"{prefix}q_proj.weight", ones(2, 2)), ($"{prefix}k_proj.weight", ones(2, 2)));
        Expect("found Float32 [2] and Float32 [3]", ($"{prefix}q_proj.bias", ones(2)), ($"{prefix}k_proj.bias", ones(3)), ($"{prefix}v_proj.bias", ones(2)));
        Expect("expected a matrix, found shape [4]", ("visual_projection.weight", ones(4)));
        Expect("two tensors stand for this one", ("text_projection.weight", ones(2, 2)), ("text_projection", ones(2, 2)));

        void Expect(string expected, params (string, Tensor)[] tensors)
        {
            CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.Write("bad", SafetensorsTests.Write(tensors))));
            Assert.Contains(expected, error.Message);
        }
    }

    private void AssertGolden(byte[] file)
    {
        using var checkpoint = Checkpoint.Open(_folder.Write("renamed", file));
        Assert.Equal(_golden.Keys.Order(), checkpoint.Tensors.Keys.Order());
        foreach ((string? name, Tensor? expected) in _golden)
        {
            Assert.Equal(name, checkpoint.Tensors[name].Name);
            Assert.Equal(expected.shape, checkpoint.Tensors[name].Shape);
            TensorAssert.SameBits(expected, checkpoint.Read(name));
        }
    }

    /// <summary>The tensors as Hugging Face's CLIPModel names and shapes them.</summary>
    private IEnumerable<(string, Tensor)> HuggingFace()
    {
        (string Original, string Theirs)[] names =
        [
            ("visual.class_embedding", "vision_model.embeddings.class_embedding"),
            ("visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"),
            ("visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"),
            ("visual.ln_pre.", "vision_model.pre_layrnorm."),
            ("visual.ln_post.", "vision_model.post_layernorm."),
            ("visual.transformer.resblocks.", "vision_model.encoder.layers."),
            ("token_embedding.weight", "text_model.embeddings.token_embedding.weight"),
            ("positional_embedding", "text_model.embeddings.position_embedding.weight"),
            ("ln_final.", "text_model.final_layer_norm."),
            ("transformer.resblocks.", "text_model.encoder.layers."),
        ];
        foreach ((string? name, Tensor? tensor) in _golden)
        {
            (string? original, string? theirs) = Array.Find(names, pair => name.StartsWith(pair.Original, StringComparison.Ordinal));
            string renamed = (original is null ? name : theirs + name[original.Length..])
                .Replace(".ln_1.", ".layer_norm1.").Replace(".ln_2.", ".layer_norm2.")
                .Replace(".c_fc.", ".fc1.").Replace(".c_proj.", ".fc2.").Replace(".attn.out_proj.", ".self_attn.out_proj.");
            if (name.Contains(".in_proj_"))
            {
                Tensor[] rows = tensor.chunk(3);
                for (int i = 0; i < 3; i++)
                {
                    yield return (renamed.Replace(".attn.in_proj_", $".self_attn.{"qkv"[i]}_proj."), rows[i]);
                }
            }
            else
            {
                yield return name switch
                {
                    "visual.proj" => ("visual_projection.weight", tensor.t()),
                    "text_projection" => ("text_projection.weight", tensor.t()),
                    _ => (renamed, tensor),
                };
            }
        }
    }
}
