using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

public class ClipWeightsTests
{
    /// <summary>Writes the golden model's tensors after a change to them, and loads what was written.</summary>
    private static ClipModel LoadAfter(Action<Dictionary<string, Tensor>> change)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using var clip = new TinyClip("tiny-vit");
        Dictionary<string, Tensor> tensors = ClipWeights.Tensors(clip.Model);
        change(tensors);
        using var folder = new TemporaryFolder();
        using var stream = new MemoryStream();
        Safetensors.Write(stream, [.. tensors.Select(pair => (pair.Key, pair.Value))]);
        return ClipWeights.Load(folder.Write("changed.safetensors", stream.ToArray()));
    }

    private static void Refused(Action<Dictionary<string, Tensor>> change, params string[] told)
    {
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => LoadAfter(change));
        Assert.All(told.Append("changed.safetensors"), part => Assert.Contains(part, error.Message));
    }

    [Fact]
    public void A_missing_tensor_is_named() =>
        Refused(tensors => tensors.Remove("ln_final.bias"), "lacks 1 tensors", "ln_final.bias");

    [Fact]
    public void A_missing_tensor_that_sizes_are_read_off_is_named() =>
        Refused(tensors => tensors.Remove("text_projection"), "'text_projection'");

    [Fact]
    public void An_unknown_tensor_is_named() =>
        Refused(tensors => tensors.Add("ln_final.gain", ones(128)), "'ln_final.gain'");

    [Fact]
    public void A_block_left_out_in_the_middle_is_not_taken_for_a_shallower_model() =>
        Refused(
            tensors =>
            {
                foreach (string? name in tensors.Keys.Where(name => name.StartsWith("transformer.resblocks.0.", StringComparison.Ordinal)).ToArray())
                {
                    tensors.Remove(name);
                }
            },
            "'transformer.resblocks.1.");

    [Fact]
    public void A_tensor_of_another_shape_is_named_with_both_shapes() =>
        Refused(tensors => tensors["ln_final.weight"] = ones(127), "'ln_final.weight'", "(128)", "(127)");

    [Fact]
    public void A_transposed_tensor_is_named_with_both_shapes() =>
        Refused(
            tensors => tensors["transformer.resblocks.1.mlp.c_fc.weight"] = zeros(128, 512),
            "'transformer.resblocks.1.mlp.c_fc.weight'", "(512, 128)", "(128, 512)");

    [Fact]
    public void Shapes_that_no_model_has_are_refused() =>
        Refused(tensors => tensors["text_projection"] = ones(100, 64), "TextWidth", "100");

    [Fact]
    public void A_tensor_of_another_rank_is_refused() =>
        Refused(tensors => tensors["visual.conv1.weight"] = ones(128, 768), "'visual.conv1.weight'", "4 dimensions", "(128, 768)");

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void A_value_that_is_no_number_is_refused(float value) =>
        Refused(tensors => tensors["visual.proj"][3, 5] = value, "'visual.proj'", "NaN or infinite");

    [Fact]
    public void Half_precision_weights_widen()
    {
        using ClipModel model = LoadAfter(tensors =>
        {
            foreach (string name in tensors.Keys)
            {
                tensors[name] = tensors[name].to(ScalarType.Float16);
            }
        });
        Assert.NotEmpty(model.parameters());
        Assert.All(model.parameters(), parameter => Assert.Equal(ScalarType.Float32, parameter.dtype));
    }

    [Fact]
    public void Positions_of_77_tokens_are_stretched_to_248_in_both_tables()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using ClipModel model = LoadAfter(tensors =>
        {
            tensors.Remove("positional_embedding_res");
            tensors["positional_embedding"] = Arithmetic.Range(77, CPU).to(ScalarType.Float32).unsqueeze(1).expand(-1, 128).contiguous();
        });
        Assert.Equal(248, model.Architecture.ContextLength);

        // Row p of the 77 holds p: the first 20 stay, from there on positions advance by a quarter.
        Tensor expected = tensor(Enumerable.Range(0, 248).Select(row => row < 20 ? row : 20 + (row - 20) / 4f).ToArray()).unsqueeze(1).expand(-1, 128);
        Dictionary<string, Tensor> tensors = ClipWeights.Tensors(model);
        Closeness.Within(1e-6, expected, tensors["positional_embedding"], "positional_embedding");
        Closeness.Within(1e-6, expected, tensors["positional_embedding_res"], "positional_embedding_res");
    }

    [Fact]
    public void A_model_of_77_tokens_of_our_own_is_loaded_as_it_is()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using ClipModel model = LoadAfter(tensors =>
        {
            tensors["positional_embedding"] = zeros(77, 128);
            tensors["positional_embedding_res"] = ones(77, 128);
        });
        Assert.Equal(77, model.Architecture.ContextLength);
        Assert.Equal(77 * 128, ClipWeights.Tensors(model)["positional_embedding_res"].sum().item<float>());
    }

    [Fact]
    public void A_saved_model_of_another_architecture_is_refused()
    {
        using var small = new TinyClip("tiny-rn");
        using var large = new TinyClip("tiny-vit");
        using var stream = new MemoryStream();
        ClipWeights.Save(small.Model, stream);
        stream.Position = 0;
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => ClipWeights.Read(stream, stream.Length, "model.zip", large.Model.Architecture));
        Assert.StartsWith("model.zip: expected the tensors of the architecture in the settings (ViT", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tiny-vit")]
    [InlineData("tiny-rn")]
    public void A_model_outlives_the_dispose_scope_it_was_loaded_in(string name)
    {
        string path = GoldenFile.PathOf($"{name}.pt");
        ClipModel model;
        string[] names;
        using (NewDisposeScope())
        {
            model = ClipWeights.Load(path);
            names = [.. ClipWeights.Tensors(model).Keys];
        }

        Assert.Equal(names, ClipWeights.Tensors(model).Keys);
        Assert.All(ClipWeights.Tensors(model).Values, tensor => Assert.False(tensor.IsInvalid));
        model.Dispose();
    }

    [Fact]
    public void Loading_leaves_no_tensors_but_the_models()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using ClipModel model = ClipWeights.Load(GoldenFile.PathOf("tiny-rn.pt"));
        Assert.Equal(0, scope.DisposablesCount);
    }
}
