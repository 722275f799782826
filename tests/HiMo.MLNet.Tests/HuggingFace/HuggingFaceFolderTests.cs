using System.Text.Json;
using System.Text.Json.Nodes;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.HuggingFace;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Modeling;
using HiMo.MLNet.Text;
using Microsoft.ML;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.HuggingFace;

/// <summary>Models in the form of Hugging Face's CLIPModel, written and read back.</summary>
public sealed class HuggingFaceFolderTests(HuggingFaceFolderTests.Saved saved) : IClassFixture<HuggingFaceFolderTests.Saved>, IDisposable
{
    /// <summary>A tiny model with CLIP's vocabulary, and the folder that it was written to.</summary>
    public sealed class Saved : IDisposable
    {
        private readonly ToyImages _toys = new();

        public Saved()
        {
            Checkpoint = _toys.Checkpoint();
            using HiMoClipTransformer model = Model(Checkpoint);
            model.SaveHuggingFace(Folder);
        }

        public string Checkpoint { get; }

        public string Folder => Path.Combine(_toys.Folder, "folder");

        public void Dispose() => _toys.Dispose();
    }

    private static readonly string[] s_files =
    [
        "config.json", "merges.txt", "model.safetensors", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json",
        "tokenizer_config.json", "vocab.json",
    ];

    private readonly ToyImages _toys = new();

    public void Dispose() => _toys.Dispose();

    private string At(string name) => Path.Combine(_toys.Folder, name);

    private static HiMoClipTransformer Model(string checkpoint) =>
        new MLContext().Transforms.HiMoClip(checkpoint).Fit(new MLContext().Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>()));

    /// <summary>The folder, to change.</summary>
    private string Copy()
    {
        Directory.CreateDirectory(At("folder"));
        foreach (string file in Directory.EnumerateFiles(saved.Folder))
        {
            File.Copy(file, Path.Combine(At("folder"), Path.GetFileName(file)));
        }

        return At("folder");
    }

    private static void Change(string path, Action<JsonNode> change)
    {
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }

    private static string[] Files(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/')).Order(StringComparer.Ordinal)];

    [Fact]
    public void Weights_come_back_under_the_originals_names_bit_for_bit()
    {
        using var clip = new TinyClip("tiny-vit");
        string folder = Directory.CreateDirectory(At("golden")).FullName;
        using (FileStream file = File.Create(Path.Combine(folder, "model.safetensors")))
        {
            HuggingFaceWeights.Save(clip.Model, file);
        }

        Dictionary<string, (long[] Shape, float[] Values)> expected = GoldenFile.Read("tiny-vit.safetensors");
        (long[] shape, float[] first) = expected["positional_embedding"];
        float[] positions = [.. first.Take(20 * (int)shape[1]), .. expected["positional_embedding_res"].Values.Skip(20 * (int)shape[1])];
        expected["positional_embedding"] = (shape, positions);
        expected.Remove("positional_embedding_res");

        using var checkpoint = Checkpoint.Open(folder);

        Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), checkpoint.Tensors.Keys.Order(StringComparer.Ordinal));
        Assert.All(expected, entry =>
        {
            using Tensor found = checkpoint.Read(entry.Key);
            Assert.Equal(entry.Value.Shape, found.shape);
            Assert.Equal(entry.Value.Values, found.data<float>().ToArray());
        });
    }

    [Fact]
    public void Names_and_shapes_are_those_of_CLIPModel()
    {
        using JsonDocument header = Header(Path.Combine(saved.Folder, "model.safetensors"));
        var shapes = header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__").ToDictionary(
            entry => entry.Name, entry => entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt32()).ToArray());

        Assert.Equal("pt", header.RootElement.GetProperty("__metadata__").GetProperty("format").GetString());
        Assert.Equal([248, 64], shapes["text_model.embeddings.position_embedding.weight"]);
        Assert.Equal([49_408, 64], shapes["text_model.embeddings.token_embedding.weight"]);
        Assert.Equal([64], shapes["vision_model.embeddings.class_embedding"]);
        Assert.Equal([64, 3, 8, 8], shapes["vision_model.embeddings.patch_embedding.weight"]);
        Assert.Equal([17, 64], shapes["vision_model.embeddings.position_embedding.weight"]);
        Assert.Equal([32, 64], shapes["text_projection.weight"]);
        Assert.Equal([32, 64], shapes["visual_projection.weight"]);
        Assert.Empty(shapes["logit_scale"]);
        string[] block =
        [
            "layer_norm1", "layer_norm2", "mlp.fc1", "mlp.fc2",
            "self_attn.k_proj", "self_attn.out_proj", "self_attn.q_proj", "self_attn.v_proj",
        ];
        string[] modules =
        [
            .. block.Select(part => $"text_model.encoder.layers.0.{part}"),
            .. block.Select(part => $"vision_model.encoder.layers.0.{part}"),
            "text_model.final_layer_norm", "vision_model.post_layernorm", "vision_model.pre_layrnorm",
        ];
        Assert.Equal(8 + (2 * modules.Length), shapes.Count);
        Assert.All(modules, module => Assert.Equal(shapes[module + ".weight"][0], Assert.Single(shapes[module + ".bias"])));
    }

    private static JsonDocument Header(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return JsonDocument.Parse(bytes.AsMemory(8, (int)BitConverter.ToInt64(bytes)));
    }

    [Theory]
    [InlineData(ScalarType.Float32, "float32")]
    [InlineData(ScalarType.Float16, "float16")]
    public void A_folder_embeds_as_the_model_that_wrote_it(ScalarType type, string name)
    {
        string folder = At("folder");
        using (HiMoClipTransformer model = Model(_toys.Checkpoint(type)))
        {
            model.SaveHuggingFace(folder);
        }

        string[] texts = ["", "Two colours.", string.Join(' ', Enumerable.Repeat("a red half and a blue half", 50))];
        using var original = ClipEmbedder.Load(_toys.Checkpoint(type), activation: ClipActivation.QuickGelu);
        var warnings = new List<string>();

        using var found = ClipEmbedder.Load(folder, warning: warnings.Add);

        Assert.Empty(warnings);
        Assert.Equal(s_files, Files(folder));
        Assert.Equal(original.Architecture, found.Architecture);
        Assert.Equal(original.EmbedTexts(texts), found.EmbedTexts(texts));
        Assert.Equal(original.EmbedImage(_toys.Rows[1].ImagePath), found.EmbedImage(_toys.Rows[1].ImagePath));
        using var configuration = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        Assert.Equal(name, configuration.RootElement.GetProperty("torch_dtype").GetString());
    }

    [Fact]
    public void GELU_heads_and_inner_widths_come_back()
    {
        var architecture = new ClipArchitecture(24, 32, [2], 96, 8, 64, 3)
        {
            Activation = ClipActivation.Gelu,
            VisionHeadWidth = 48,
            TextHeadWidth = 32,
            VisionMlpWidth = 200,
            TextMlpWidth = 100,
        };
        using var model = new ClipModel(architecture);
        using (var generator = new Generator(5))
        {
            model.Initialize(generator);
        }

        HuggingFaceFolder.Save(model, ClipTokenizer.Default, At("folder"), []);

        using ClipModel found = ClipWeights.Load(At("folder"));
        Assert.Equal(architecture, found.Architecture);
    }

    [Fact]
    public void The_configuration_has_the_fields_of_CLIPModel()
    {
        using var configuration = JsonDocument.Parse(File.ReadAllText(Path.Combine(saved.Folder, "config.json")));
        JsonElement root = configuration.RootElement, text = root.GetProperty("text_config"), vision = root.GetProperty("vision_config");

        static string Fields(JsonElement part, params string[] names) =>
            string.Join(' ', names.Select(name => part.GetProperty(name).ToString()));
        string[] tower = ["hidden_act", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"];
        Assert.Equal("clip 32", Fields(root, "model_type", "projection_dim"));
        Assert.Equal("CLIPModel", root.GetProperty("architectures")[0].GetString());
        Assert.Equal("quick_gelu 64 256 1 1", Fields(text, tower));
        Assert.Equal("248 49408 49406 49407", Fields(text, "max_position_embeddings", "vocab_size", "bos_token_id", "eos_token_id"));
        Assert.Equal("quick_gelu 64 256 1 1", Fields(vision, tower));
        Assert.Equal("32 8 3", Fields(vision, "image_size", "patch_size", "num_channels"));
        Assert.All((JsonElement[])[text, vision], part => Assert.Equal(1e-5, part.GetProperty("layer_norm_eps").GetDouble()));
    }

    [Theory]
    [InlineData("text_config", "eos_token_id", "2", null)]                    // the files of before the real id was said
    [InlineData("text_config", "eos_token_id", "49407", null)]
    [InlineData("text_config", "eos_token_id", "49406", "text_config.eos_token_id: expected the last id of the vocabulary, 49407")]
    [InlineData("text_config", "max_position_embeddings", "77", "max_position_embeddings 77; the shapes of its tensors say 248")]
    [InlineData("text_config", "layer_norm_eps", "1e-6", "text_config.layer_norm_eps: expected 1E-05, found '1e-6'")]
    [InlineData("vision_config", "layer_norm_eps", "0.00001", null)]
    [InlineData("vision_config", "patch_size", "16", "says vision_config.patch_size 16; the shapes of its tensors say 8")]
    [InlineData("vision_config", "hidden_act", "\"gelu\"", "one hidden_act for both towers")]
    public void What_the_configuration_says_is_honoured_or_refused(string part, string name, string value, string? error)
    {
        string folder = Copy();
        Change(Path.Combine(folder, "config.json"), json => json[part]![name] = JsonNode.Parse(value));

        Exception? found = Record.Exception(() => ClipWeights.Load(folder).Dispose());

        if (error is null)
        {
            Assert.Null(found);
        }
        else
        {
            Assert.Contains(error, Assert.IsType<CheckpointFormatException>(found).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_vocabulary_of_its_own_goes_with_the_folder()
    {
        var tokenizer = new ClipTokenizer(new MemoryStream("a b</w>\nc ab</w>\n"u8.ToArray()));
        using var model = new ClipModel(ToyImages.Tiny with { VocabularySize = tokenizer.VocabularySize });
        using (var generator = new Generator(5))
        {
            model.Initialize(generator);
        }

        HuggingFaceFolder.Save(model, tokenizer, At("folder"), []);
        using (var found = ClipEmbedder.Load(At("folder")))
        {
            Assert.Equal(tokenizer.Encode("cab ab"), found.Tokenize("cab ab"));
            Assert.Equal([513, 512], found.Tokenize("cab ab"));
        }

        File.Delete(Path.Combine(At("folder"), "tokenizer.json"));            // merges.txt says the same
        using var slow = ClipEmbedder.Load(At("folder"));
        Assert.Equal([513, 512], slow.Tokenize("cab ab"));
    }

    [Theory]
    [InlineData("type", "\"WordPiece\"", "expected a model of type BPE")]
    [InlineData("end_of_word_suffix", "\"\"", "expected a model of type BPE")]
    [InlineData("merges", "[\"a b\", \"x</w> y\"]", "expected the id 512 for 'ab', as CLIP counts bytes and merges, found ")]
    [InlineData("merges", "[\"no such\"]", "line 2: expected symbols that are bytes")]
    [InlineData("merges", "7", "expected JSON with the type, merges and vocab")]
    [InlineData("vocab", "{ \"!\": 1 }", "expected the id 0 for '!', as CLIP counts bytes and merges, found 1")]
    [InlineData("vocab", "{ \"!\": \"0\" }", "expected JSON with the type, merges and vocab")]
    public void A_vocabulary_of_another_kind_is_refused(string name, string value, string error)
    {
        string folder = Copy(), path = Path.Combine(folder, "tokenizer.json");
        Change(path, json => json["model"]![name] = JsonNode.Parse(value));

        CheckpointFormatException found = Assert.Throws<CheckpointFormatException>(() => ClipEmbedder.Load(folder));

        Assert.Contains(path, found.Message, StringComparison.Ordinal);
        Assert.Contains(error, found.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_ResNet_is_told_what_writes_it_and_leaves_nothing()
    {
        using var clip = new TinyClip("tiny-rn");

        NotSupportedException error = Assert.Throws<NotSupportedException>(
            () => HuggingFaceFolder.Save(clip.Model, ClipTokenizer.Default, At("folder"), []));

        Assert.All((string[])["ResNet", "CLIPModel", "SaveOnnx"], part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
        Assert.False(Directory.Exists(At("folder")));
    }

    [Fact]
    public void A_model_whose_vocabulary_is_not_the_tokenizers_is_refused()
    {
        using HiMoClipTransformer model = Model(GoldenFile.PathOf("tiny-vit.safetensors"));

        string error = Assert.Throws<CheckpointFormatException>(() => model.SaveHuggingFace(At("folder"))).Message;

        Assert.All((string[])["49408", "300"], part => Assert.Contains(part, error, StringComparison.Ordinal));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.SaveHuggingFace(At("folder"), (OnnxPrecision)7));
        Assert.Throws<ArgumentOutOfRangeException>(() => model.SaveOnnx(At("folder"), (OnnxPrecision)7));
        Assert.False(Directory.Exists(At("folder")));
    }

    [Fact]
    public void Graphs_lie_beside_and_other_files_of_the_folder_stay()
    {
        string folder = Copy();
        File.WriteAllText(Path.Combine(folder, "README.md"), "mine");
        File.WriteAllText(Path.Combine(folder, "vocab.json"), "older");
        using HiMoClipTransformer model = Model(saved.Checkpoint);

        model.SaveHuggingFace(folder, OnnxPrecision.Int8, OnnxPrecision.Float16);

        string[] graphs =
        [
            "onnx/text_model_fp16.onnx", "onnx/text_model_int8.onnx", "onnx/vision_model_fp16.onnx", "onnx/vision_model_int8.onnx",
        ];
        Assert.Equal(s_files.Concat(graphs).Append("README.md").Order(StringComparer.Ordinal), Files(folder));
        Assert.Equal("mine", File.ReadAllText(Path.Combine(folder, "README.md")));
        Assert.NotEqual("older", File.ReadAllText(Path.Combine(folder, "vocab.json")));
        using var configuration = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        Assert.Equal("int8", configuration.RootElement.GetProperty("transformers.js_config").GetProperty("dtype").GetString());
    }

    [Theory]
    [InlineData("open_clip_config.json", "{}")]
    [InlineData("model.safetensors.index.json", "{}")]
    [InlineData("other.safetensors", "")]
    [InlineData("config.json", "{ \"model_type\": \"bert\" }")]
    public void A_folder_with_another_model_is_left_as_it_is(string name, string content)
    {
        string folder = Directory.CreateDirectory(At("folder")).FullName, path = Path.Combine(folder, name);
        File.WriteAllText(path, content);
        using HiMoClipTransformer model = Model(saved.Checkpoint);

        Assert.Contains(path, Assert.Throws<IOException>(() => model.SaveHuggingFace(folder)).Message, StringComparison.Ordinal);

        Assert.Equal([name], Files(folder));
        Assert.Equal(content, File.ReadAllText(path));
    }

    [Fact]
    public void A_file_in_the_place_of_the_folder_is_an_error_and_stays()
    {
        File.WriteAllText(At("file"), "mine");
        using HiMoClipTransformer model = Model(saved.Checkpoint);

        foreach (Action save in (Action[])[
            () => model.SaveHuggingFace(At("file")), () => model.SaveOnnx(At("file")), () => model.SaveOnnx(At("file/inside"))])
        {
            Assert.Contains(At("file"), Assert.Throws<IOException>(save).Message, StringComparison.Ordinal);
        }

        Assert.Equal("mine", File.ReadAllText(At("file")));
    }
}
