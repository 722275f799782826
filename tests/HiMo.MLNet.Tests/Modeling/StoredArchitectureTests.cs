using System.Text;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using Microsoft.ML;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

public sealed class StoredArchitectureTests : IDisposable
{
    private const string HuggingFaceGelu = """
        { "model_type": "clip", "projection_dim": 24,
          "vision_config": { "hidden_act": "gelu", "hidden_size": 160, "num_attention_heads": 2, "num_hidden_layers": 2, "patch_size": 8 },
          "text_config": { "hidden_act": "gelu", "hidden_size": 96, "num_attention_heads": 2, "num_hidden_layers": 1, "vocab_size": 60 } }
        """;

    private const string OpenClipGelu = """
        { "embed_dim": 24, "vision_cfg": { "image_size": 16, "layers": 2, "width": 160, "head_width": 80,
                                          "patch_size": 8, "mlp_ratio": 3.05 },
          "text_cfg": { "context_length": 24, "vocab_size": 60, "width": 96, "heads": 2, "layers": 1 } }
        """;

    private const string Sizes =
        """ "EmbeddingDimension":24,"ImageSize":16,"VisionWidth":160,"PatchSize":8,"TextWidth":96,"TextLayers":1 """;

    private static readonly PlainClip s_gelu = new(160, 96) { Activation = PlainClip.Gelu };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Checkpoint(PlainClip clip, string name = "model.safetensors") => _folder.Write(name, clip.File());

    private string Configure(string name, string json) => _folder.Write(name, Encoding.UTF8.GetBytes(json));

    private static void Embeds(PlainClip expected, ClipModel model)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        var random = new Random(3);
        float[] image = [.. Enumerable.Range(0, 3 * 16 * 16).Select(_ => (random.NextSingle() * 4) - 2)];
        long[] tokens = [.. Enumerable.Range(0, 23).Select(_ => random.NextInt64(58)), 59];
        Closeness.Within(2e-5, tensor(expected.EmbedImage(image)).unsqueeze(0),
            model.EncodeImage(tensor(image, [1, 3, 16, 16])), "image");
        Tensor text = tensor(expected.EmbedText(tokens)).unsqueeze(0), ids = tensor(tokens).unsqueeze(0);
        Closeness.Within(2e-5, text, model.EncodeText(ids), "text");
        using IDisposable gradients = enable_grad();
        Closeness.Within(2e-5, text, model.EncodeText(ids).detach(), "text with gradients");
    }

    [Theory]
    [InlineData("config.json", HuggingFaceGelu)]
    [InlineData("open_clip_config.json", $$"""{ "model_cfg": {{OpenClipGelu}}, "preprocess_cfg": { "mean": [0.4815, 0.4578, 0.4082] } }""")]
    [InlineData("model.json", OpenClipGelu)]
    public void A_configuration_beside_the_weights_says_the_activation_and_the_heads(string name, string json)
    {
        string path = Checkpoint(s_gelu), configuration = Configure(name, json);
        var warnings = new List<string>();

        using ClipModel model = ClipWeights.Load(path, warn: warnings.Add);

        Embeds(s_gelu, model);                                                // heads 80 and 48 wide
        Assert.Empty(warnings);
        var found = ClipCheckpoint.Inspect(path);
        Assert.Equal((configuration, model.Architecture), (found.ArchitectureSource, found.Architecture));
        Assert.Equal((ClipActivation.Gelu, 80, 48, 488, 198), (found.Architecture.Activation, found.Architecture.VisionHeadWidth,
            found.Architecture.TextHeadWidth, found.Architecture.VisionMlpWidth, found.Architecture.TextMlpWidth));
    }

    [Fact]
    public void QuickGelu_is_honoured_too_and_so_are_the_towers_own_heads()
    {
        var clip = new PlainClip(128, 96) { Activation = PlainClip.QuickGelu, VisionHeads = 4, TextHeads = 3 };
        string path = Checkpoint(clip);
        Configure("config.json", """
            { "vision_config": { "num_attention_heads": 4, "hidden_act": "quick_gelu" }, "text_config": { "num_attention_heads": 3 } }
            """);

        using ClipModel model = ClipWeights.Load(path);

        Embeds(clip, model);
    }

    [Fact]
    public void A_folder_is_read_with_its_configuration()
    {
        Checkpoint(s_gelu);
        Configure("config.json", HuggingFaceGelu);

        using ClipModel model = ClipWeights.Load(_folder.FullPath);

        Embeds(s_gelu, model);
    }

    [Theory]
    [InlineData("open_clip_model.safetensors")]
    [InlineData("open_clip_pytorch_model.bin")]
    public void A_folder_of_open_clip_is_read_with_its_configuration(string name)
    {
        Checkpoint(s_gelu, name);
        Configure("open_clip_config.json", $$"""{ "model_cfg": {{OpenClipGelu}} }""");

        using ClipModel model = ClipWeights.Load(_folder.FullPath);

        Embeds(s_gelu, model);
    }

    [Theory]
    [InlineData("config.json", HuggingFaceGelu, "\"hidden_size\": 160", "\"hidden_size\": 128", "vision_config.hidden_size 128", "160")]
    [InlineData("config.json", HuggingFaceGelu, "\"projection_dim\": 24", "\"projection_dim\": 512", "projection_dim 512", "24")]
    [InlineData("config.json", HuggingFaceGelu, "\"num_attention_heads\": 2", "\"num_attention_heads\": 7",
        "vision_config.num_attention_heads 7", "160")]
    [InlineData("config.json", HuggingFaceGelu, "\"num_attention_heads\": 2", "\"num_attention_heads\": \"2\"",
        "num_attention_heads", "a whole number")]
    [InlineData("config.json", HuggingFaceGelu, "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"quick_gelu\"", "Gelu", "QuickGelu")]
    [InlineData("config.json", HuggingFaceGelu, "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"gelu_new\"", "hidden_act", "gelu_new")]
    [InlineData("config.json", HuggingFaceGelu, "{ \"model_type\"", "\"model_type\"", "configuration", "expected JSON")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"layers\": 2", "\"layers\": [3, 4, 6, 3]",
        "vision_cfg.layers '[3, 4, 6, 3]'", "[2]")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"head_width\": 80", "\"head_width\": 64", "vision_cfg.head_width 64", "160")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"mlp_ratio\": 3.05", "\"mlp_ratio\": 4", "vision_cfg.mlp_ratio '4'", "488")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"embed_dim\": 24", "\"embed_dim\": 24, \"quick_gelu\": 1",
        "quick_gelu", "true or false")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"context_length\": 24", "\"context_length\": 77",
        "text_cfg.context_length 77", "24")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"heads\": 2", "\"heads\": 2, \"no_causal_mask\": true",
        "text_cfg.no_causal_mask: expected false, found 'true'")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"heads\": 2", "\"heads\": 2, \"pool_type\": \"last\"",
        "text_cfg.pool_type: expected \"argmax\", found '\"last\"'")]
    [InlineData("open_clip_config.json", OpenClipGelu, "\"image_size\"", "\"pool_type\": \"avg\", \"image_size\"",
        "vision_cfg.pool_type: expected \"tok\", found '\"avg\"'")]
    public void A_configuration_that_the_tensors_contradict_is_refused_with_both(
        string name, string json, string said, string instead, params string[] told)
    {
        int place = json.IndexOf(said, StringComparison.Ordinal);
        string path = Checkpoint(s_gelu), configuration = Configure(name, json[..place] + instead + json[(place + said.Length)..]);

        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => ClipWeights.Load(path));

        Assert.All(told.Append(configuration), part => Assert.Contains(part, error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("open_clip_config.json", "\"mean\": [0.5, 0.5, 0.5]",
        "preprocess_cfg.mean: expected CLIP's [0.48145467, 0.4578275, 0.40821072], found '[0.5, 0.5, 0.5]'")]
    [InlineData("open_clip_config.json", "\"std\": [0.26862954, 0.26130258]", "preprocess_cfg.std: expected CLIP's [0.26862955, ")]
    [InlineData("preprocessor_config.json", "\"image_mean\": [0.485, 0.456, 0.406]", "image_mean: expected CLIP's")]
    [InlineData("preprocessor_config.json", "\"image_std\": \"0.5\"", "image_std: expected CLIP's")]
    [InlineData("preprocessor_config.json", "\"do_normalize\": false", "do_normalize: expected true, found false")]
    public void Pixels_that_are_normalised_otherwise_are_refused(string name, string field, string told)
    {
        string path = Checkpoint(s_gelu), configuration = Configure(name, name == "open_clip_config.json"
            ? $$"""{ "model_cfg": {{OpenClipGelu}}, "preprocess_cfg": { {{field}} } }""" : $$"""{ {{field}} }""");
        if (name != "open_clip_config.json")
        {
            Configure("config.json", HuggingFaceGelu);
        }

        string message = Assert.Throws<CheckpointFormatException>(() => ClipWeights.Load(path)).Message;

        Assert.StartsWith($"{configuration}: configuration: {told}", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_configurations_that_differ_are_refused()
    {
        string path = Checkpoint(s_gelu);
        string one = Configure("config.json", HuggingFaceGelu);
        string other = Configure("model.json", OpenClipGelu.Replace(
            "\"embed_dim\"", "\"quick_gelu\": true, \"embed_dim\"", StringComparison.Ordinal));

        string message = Assert.Throws<CheckpointFormatException>(() => ClipCheckpoint.Inspect(path)).Message;

        Assert.All((string[])[one, other, "Gelu", "QuickGelu"], part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Fact]
    public void JSON_of_another_kind_says_nothing()
    {
        string path = Checkpoint(new PlainClip(128, 128) { Activation = PlainClip.QuickGelu });
        Configure("config.json", """{ "colour": "red" }""");
        Configure("model.json", "[1, 2]");

        Assert.Null(ClipCheckpoint.Inspect(path).ArchitectureSource);
    }

    private static List<string> Warnings(MLContext mlContext)
    {
        var warnings = new List<string>();
        mlContext.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
            {
                warnings.Add(e.RawMessage);
            }
        };
        return warnings;
    }

    private static HiMoClipTransformer Apply(MLContext mlContext, string path, ClipActivation? activation = null) =>
        mlContext.Transforms.HiMoClip(path, captionColumnName: null, activation: activation).Fit(mlContext.Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>()));

    [Fact]
    public void Weights_alone_are_taken_for_OpenAIs_with_a_warning()
    {
        string path = Checkpoint(new PlainClip(128, 128) { Activation = PlainClip.QuickGelu });
        var mlContext = new MLContext();
        List<string> warnings = Warnings(mlContext);

        using HiMoClipTransformer model = Apply(mlContext, path);

        Assert.Equal((ClipActivation.QuickGelu, 2, 2),
            (model.Architecture.Activation, model.Architecture.VisionHeads, model.Architecture.TextHeads));
        string warning = Assert.Single(warnings);
        Assert.DoesNotContain('\n', warning);
        Assert.All((string[])[path, "QuickGelu", "2 and 2 heads", "HiMoClipOptions.Activation", "config.json"],
            part => Assert.Contains(part, warning, StringComparison.Ordinal));
    }

    [Fact]
    public void The_option_says_the_activation()
    {
        var clip = new PlainClip(128, 128) { Activation = PlainClip.Gelu };
        string path = Checkpoint(clip);
        var mlContext = new MLContext();
        List<string> warnings = Warnings(mlContext);

        using HiMoClipTransformer model = Apply(mlContext, path, ClipActivation.Gelu);

        Assert.Equal(ClipActivation.Gelu, model.Architecture.Activation);
        Assert.Empty(warnings);
    }

    [Fact]
    public void The_option_overrules_a_configuration_with_a_warning()
    {
        string path = Checkpoint(s_gelu);
        Configure("config.json", HuggingFaceGelu);
        var warnings = new List<string>();

        using ClipModel model = ClipWeights.Load(path, ClipActivation.QuickGelu, warnings.Add);

        Assert.Equal((ClipActivation.QuickGelu, 80), (model.Architecture.Activation, model.Architecture.VisionHeadWidth));
        Assert.Contains("config.json says Gelu", Assert.Single(warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void The_option_is_refused_without_a_checkpoint() => Assert.Contains(
        "HiMoClipOptions.Activation", Assert.Throws<ArgumentOutOfRangeException>(
            () => new MLContext().Transforms.HiMoClip(new HiMoClipOptions { Activation = ClipActivation.Gelu })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void A_saved_checkpoint_and_a_model_zip_keep_the_architecture_without_a_warning()
    {
        string path = Checkpoint(s_gelu);
        Configure("config.json", HuggingFaceGelu);
        using var elsewhere = new TemporaryFolder();
        string saved = Path.Combine(elsewhere.FullPath, "saved.safetensors"), zip = Path.Combine(elsewhere.FullPath, "model.zip");
        var mlContext = new MLContext();
        List<string> warnings = Warnings(mlContext);
        using (HiMoClipTransformer model = Apply(mlContext, path))
        {
            model.SaveCheckpoint(saved);
            mlContext.Model.Save(model, mlContext.Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>()).Schema, zip);
        }

        using ClipModel checkpoint = ClipWeights.Load(saved, warn: warnings.Add), zipped = ClipWeights.Load(zip, warn: warnings.Add);
        using var loaded = (HiMoClipTransformer)mlContext.Model.Load(zip, out _);

        Embeds(s_gelu, checkpoint);
        Embeds(s_gelu, zipped);
        Assert.Equal(checkpoint.Architecture, loaded.Architecture);
        var inspected = ClipCheckpoint.Inspect(zip);
        Assert.Equal((checkpoint.Architecture, zip), (inspected.Architecture, inspected.ArchitectureSource));
        Assert.Empty(warnings);
    }

    [Theory]
    [InlineData("null", "found null")]
    [InlineData("{", "himo_architecture")]
    [InlineData($$"""{ {{Sizes}},"VisionLayers":[2],"Activation":"Relu"}""", "Activation")]
    [InlineData($$"""{ {{Sizes}},"VisionLayers":[2],"VisionHeadWidth":0}""", "VisionHeadWidth")]
    [InlineData($$"""{ {{Sizes}},"VisionLayers":[3],"VisionHeadWidth":80,"TextHeadWidth":48}""", "those of another")]
    public void Metadata_that_cannot_be_are_refused(string json, string told)
    {
        using DisposeScope scope = NewDisposeScope();
        using var stream = new MemoryStream();
        Safetensors.Write(stream, [.. Safetensors.ReadSequential(new MemoryStream(s_gelu.File()), "memory")],
            new Dictionary<string, string> { ["himo_architecture"] = json });
        string path = _folder.Write("metadata.safetensors", stream.ToArray());

        string message = Assert.Throws<CheckpointFormatException>(() => ClipWeights.Load(path)).Message;

        Assert.All((string[])[path, told], part => Assert.Contains(part, message, StringComparison.Ordinal));
    }

    [Fact]
    public void Training_keeps_another_architecture_through_its_checkpoints()
    {
        using var images = new ToyImages();
        var mlContext = new MLContext(1);
        List<string> warnings = Warnings(mlContext);
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.Architecture = ToyImages.Tiny with
        {
            Activation = ClipActivation.Gelu,
            VisionHeadWidth = 32,
            TextHeadWidth = 16,
            TextMlpWidth = 96,
        };
        options.Objective = new SmartClipObjective();
        options.CheckpointFolder = _folder.FullPath;
        options.WarmupSteps = 0;
        using HiMoClipTransformer trained = images.Train(mlContext, options);

        using HiMoClipTransformer applied = Apply(mlContext, Directory.GetFiles(_folder.FullPath, "*.safetensors").Single());

        Assert.Equal(options.Architecture, trained.Architecture);
        Assert.Equal(options.Architecture, applied.Architecture);
        Assert.Empty(warnings);
    }

    [Fact]
    public void Pooling_of_a_ResNet_has_heads_of_the_width_that_is_said()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        using var generator = new Generator(4);
        var architecture = new ClipArchitecture(16, 64, [1, 1, 1, 1], 4, null, 64, 1) { VisionHeadWidth = 32 };
        using var pool = new AttentionPool(architecture);
        pool.Initialize(generator);
        var weights = pool.named_parameters().ToDictionary(p => p.name, p => p.parameter.detach());
        Tensor x = randn([1, 128, 2, 2], generator: generator), positions = weights["positional_embedding"];
        Tensor rows = x.flatten(2)[0].transpose(0, 1);                        // (4, 128)
        rows = cat([rows.mean([0L], keepdim: true), rows]) + positions;
        Tensor Of(string name, Tensor input) => input.matmul(weights[name + ".weight"].transpose(0, 1)) + weights[name + ".bias"];
        Tensor query = Of("q_proj", rows[0]), keys = Of("k_proj", rows), values = Of("v_proj", rows);
        Tensor[] heads = [.. Enumerable.Range(0, 4).Select(head =>
        {
            Tensor q = query.narrow(0, 32 * head, 32), k = keys.narrow(1, 32 * head, 32), v = values.narrow(1, 32 * head, 32);
            return (k.matmul(q) / tensor(MathF.Sqrt(32))).softmax(0).matmul(v);
        })];

        Closeness.Within(1e-5, Of("c_proj", cat(heads)).unsqueeze(0), pool.forward(x), "pooled");
    }
}
