using System.Text.Json.Nodes;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.HuggingFace;

/// <summary>
/// <c>config.json</c> and <c>preprocessor_config.json</c> with the fields of <c>CLIPModel</c> and <c>CLIPImageProcessor</c>;
/// <see cref="Modeling.ConfigurationFile"/> reads the first.
/// </summary>
internal static class HuggingFaceConfiguration
{
    private const int Bicubic = 3;                                            // Pillow's number

    /// <param name="architecture">Of a vision transformer.</param>
    /// <param name="tokenizer">With the model's vocabulary.</param>
    /// <param name="type">Of the weights: float32, float16 or bfloat16.</param>
    /// <param name="transformersJs">What transformers.js is to take unasked.</param>
    public static JsonObject Model(ClipArchitecture architecture, ClipTokenizer tokenizer, string type, JsonObject? transformersJs)
    {
        JsonObject text = Tower(
            architecture, "clip_text_model", architecture.TextWidth, architecture.TextMlpWidth, architecture.TextLayers,
            architecture.TextHeads);
        text["vocab_size"] = architecture.VocabularySize;
        text["max_position_embeddings"] = architecture.ContextLength;
        text["bos_token_id"] = tokenizer.StartToken;
        text["eos_token_id"] = tokenizer.EndToken;
        text["pad_token_id"] = tokenizer.EndToken;

        JsonObject vision = Tower(
            architecture, "clip_vision_model", architecture.VisionWidth, architecture.VisionMlpWidth, architecture.VisionLayers[0],
            architecture.VisionHeads);
        vision["image_size"] = architecture.ImageSize;
        vision["patch_size"] = architecture.PatchSize;
        vision["num_channels"] = 3;

        var model = new JsonObject
        {
            ["architectures"] = new JsonArray("CLIPModel"),
            ["model_type"] = "clip",
            ["projection_dim"] = architecture.EmbeddingDimension,
            ["logit_scale_init_value"] = 2.6592,
            ["initializer_factor"] = Real("1.0"),
            ["torch_dtype"] = type,
            ["text_config"] = text,
            ["vision_config"] = vision,
        };
        if (transformersJs is not null)
        {
            model["transformers.js_config"] = transformersJs;
        }

        return model;
    }

    private static JsonObject Tower(ClipArchitecture architecture, string type, int width, int mlpWidth, int layers, int heads) => new()
    {
        ["model_type"] = type,
        ["hidden_size"] = width,
        ["intermediate_size"] = mlpWidth,
        ["num_hidden_layers"] = layers,
        ["num_attention_heads"] = heads,
        ["projection_dim"] = architecture.EmbeddingDimension,
        ["hidden_act"] = architecture.Activation == ClipActivation.Gelu ? "gelu" : "quick_gelu",
        ["layer_norm_eps"] = Real("1e-05"),
        ["attention_dropout"] = Real("0.0"),
        ["initializer_factor"] = Real("1.0"),
        ["initializer_range"] = 0.02,
    };

    /// <param name="imageSize">n, in pixels.</param>
    public static JsonObject Preprocessor(int imageSize) => new()
    {
        ["image_processor_type"] = "CLIPImageProcessor",
        ["feature_extractor_type"] = "CLIPFeatureExtractor",                  // transformers before 4.26
        ["do_convert_rgb"] = true,
        ["do_resize"] = true,
        ["size"] = new JsonObject { ["shortest_edge"] = imageSize },
        ["resample"] = Bicubic,
        ["do_center_crop"] = true,
        ["crop_size"] = new JsonObject { ["height"] = imageSize, ["width"] = imageSize },
        ["do_rescale"] = true,
        ["rescale_factor"] = 1 / 255.0,
        ["do_normalize"] = true,
        ["image_mean"] = new JsonArray(0.48145466, 0.4578275, 0.40821073),    // ClipPreprocessor.Mean and Std, to all their digits
        ["image_std"] = new JsonArray(0.26862954, 0.26130258, 0.27577711),
    };

    // Python tells 1 from 1.0.
    private static JsonNode Real(string number) => JsonNode.Parse(number)!;
}
