using System.Globalization;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Images;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// What is published beside the weights of a CLIP model and says what their shapes do not: Hugging Face's <c>config.json</c>,
/// open_clip's <c>open_clip_config.json</c>, or a model configuration of open_clip under the checkpoint's own name. What is left out
/// has the default of the library that the file is for.
/// </summary>
internal sealed class ConfigurationFile
{
    private const double LayerNormEpsilon = 1e-5;
    private const int LegacyEndToken = 2;
    private const double ColourTolerance = 1e-4;                              // some files have CLIP's numbers rounded

    private readonly JsonElement _vision, _text, _root;
    private readonly bool _isHuggingFace;
    private readonly (string Path, string Part, JsonElement? Fields) _preprocessing;

    private ConfigurationFile(string path, JsonElement root, JsonElement vision, JsonElement text, bool isHuggingFace,
        (string Path, string Part, JsonElement? Fields) preprocessing)
    {
        (Path, _preprocessing) = (path, preprocessing);
        (_root, _vision, _text, _isHuggingFace) = (root, vision, text, isHuggingFace);
    }

    public string Path { get; }

    public bool IsHuggingFace => _isHuggingFace;

    /// <summary>
    /// The configurations of a checkpoint: <c>NAME.json</c>, <c>open_clip_config.json</c> and <c>config.json</c> in its folder.
    /// </summary>
    /// <param name="checkpoint">A file, or a folder.</param>
    /// <exception cref="CheckpointFormatException">One of them is no JSON. JSON of another kind is left alone.</exception>
    public static IEnumerable<ConfigurationFile> Beside(string checkpoint)
    {
        bool isFolder = Directory.Exists(checkpoint);
        string whole = System.IO.Path.GetFullPath(checkpoint), folder = isFolder ? whole : System.IO.Path.GetDirectoryName(whole)!;
        string[] names = ["open_clip_config.json", "config.json"];
        return (isFolder ? names : names.Prepend(System.IO.Path.GetFileNameWithoutExtension(whole) + ".json"))
            .Select(name => System.IO.Path.Combine(folder, name))
            .Distinct()
            .Where(path => path != whole && File.Exists(path))
            .Select(TryRead)
            .OfType<ConfigurationFile>();
    }

    private static ConfigurationFile? TryRead(string path) => Recognize(path, Parse(path));

    private static JsonElement Parse(string path)
    {
        const string place = "configuration";
        using var file = new CheckpointFile(path);
        byte[] json = file.ReadSmall(place);
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false });
            return document.RootElement.Clone();
        }
        catch (JsonException e)
        {
            throw file.Error(place, $"expected JSON: {e.Message}", e);
        }
    }

    private static ConfigurationFile? Recognize(string path, JsonElement root)
    {
        if (Part(root, "vision_config") is { } vision && Part(root, "text_config") is { } text)
        {
            return new(path, root, vision, text, isHuggingFace: true, BesideIt(path));
        }

        JsonElement model = Part(root, "model_cfg") ?? root;
        return Part(model, "vision_cfg") is { } visionPart && Part(model, "text_cfg") is { } textPart
            ? new(path, model, visionPart, textPart, isHuggingFace: false, (path, "preprocess_cfg.", Part(root, "preprocess_cfg"))) : null;
    }

    private static (string Path, string Part, JsonElement? Fields) BesideIt(string path)
    {
        string preprocessor = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(path)!, "preprocessor_config.json");
        return (preprocessor, "", File.Exists(preprocessor) ? Parse(preprocessor) : null);
    }

    /// <summary>The architecture with what the file says, which must be possible with its sizes.</summary>
    /// <param name="sizes">Read off the shapes of the tensors.</param>
    /// <param name="positions">The text positions that are stored, before any stretching.</param>
    /// <param name="checkpoint">The checkpoint, for errors.</param>
    /// <exception cref="CheckpointFormatException">The file says other sizes, or something that no network here does.</exception>
    public ClipArchitecture Apply(ClipArchitecture sizes, int positions, string checkpoint)
    {
        CheckColours();
        Compare(_text, _isHuggingFace ? "max_position_embeddings" : "context_length", positions, checkpoint);
        return _isHuggingFace ? ApplyHuggingFace(sizes, checkpoint) : ApplyOpenClip(sizes, checkpoint);
    }

    private ClipArchitecture ApplyHuggingFace(ClipArchitecture sizes, string checkpoint)
    {
        Compare(_root, "projection_dim", sizes.EmbeddingDimension, checkpoint);
        Compare(_vision, "hidden_size", sizes.VisionWidth, checkpoint);
        Compare(_vision, "num_hidden_layers", sizes.VisionLayers[0], checkpoint);
        Compare(_vision, "intermediate_size", sizes.VisionMlpWidth, checkpoint);
        Compare(_vision, "image_size", sizes.ImageSize, checkpoint);
        Compare(_vision, "patch_size", sizes.PatchSize ?? 0, checkpoint);
        Compare(_text, "hidden_size", sizes.TextWidth, checkpoint);
        Compare(_text, "num_hidden_layers", sizes.TextLayers, checkpoint);
        Compare(_text, "intermediate_size", sizes.TextMlpWidth, checkpoint);
        Compare(_text, "vocab_size", sizes.VocabularySize, checkpoint);
        CheckEndToken(sizes.VocabularySize);
        Expect(_vision, "layer_norm_eps", LayerNormEpsilon);
        Expect(_text, "layer_norm_eps", LayerNormEpsilon);
        ClipActivation vision = HuggingFaceActivation(_vision), text = HuggingFaceActivation(_text);
        if (vision != text)
        {
            throw Error($"expected one hidden_act for both towers, found {vision} (vision_config) and {text} (text_config)");
        }

        return sizes with
        {
            Activation = text,
            VisionHeadWidth = HeadWidth(_vision, "num_attention_heads", 12, sizes.VisionWidth, checkpoint),
            TextHeadWidth = HeadWidth(_text, "num_attention_heads", 8, sizes.TextWidth, checkpoint),
        };
    }

    private ClipArchitecture ApplyOpenClip(ClipArchitecture sizes, string checkpoint)
    {
        Compare(_root, "embed_dim", sizes.EmbeddingDimension, checkpoint);
        Compare(_vision, "width", sizes.VisionWidth, checkpoint);
        Compare(_vision, "image_size", sizes.ImageSize, checkpoint);
        Compare(_vision, "patch_size", sizes.PatchSize ?? 0, checkpoint);
        Compare(_text, "width", sizes.TextWidth, checkpoint);
        Compare(_text, "layers", sizes.TextLayers, checkpoint);
        Compare(_text, "vocab_size", sizes.VocabularySize, checkpoint);
        CompareLayers(sizes, checkpoint);
        Expect(_vision, "pool_type", "tok");
        Expect(_text, "pool_type", "argmax");
        Expect(_text, "no_causal_mask", false);
        if (sizes.IsVisionTransformer)
        {
            CompareRatio(_vision, sizes.VisionWidth, sizes.VisionMlpWidth, checkpoint);
        }

        CompareRatio(_text, sizes.TextWidth, sizes.TextMlpWidth, checkpoint);
        int headWidth = Number(_vision, "head_width") ?? 64, width = sizes.IsVisionTransformer ? sizes.VisionWidth : sizes.ResNetWidth;
        return headWidth < 1 || width % headWidth != 0
            ? throw Contradiction(_vision, "head_width", headWidth, $"a width of {width}, which is no multiple of it", checkpoint)
            : sizes with
            {
                Activation = QuickGelu() ? ClipActivation.QuickGelu : ClipActivation.Gelu,
                VisionHeadWidth = headWidth,
                TextHeadWidth = HeadWidth(_text, "heads", 8, sizes.TextWidth, checkpoint),
            };
    }

    /// <summary>
    /// The text is read off at its highest id: so says 2, which was there before the real id was, and so it is where that is the last.
    /// </summary>
    private void CheckEndToken(int vocabularySize)
    {
        if (Number(_text, "eos_token_id") is { } end && end != LegacyEndToken && end != vocabularySize - 1)
        {
            throw Error(
                $"text_config.eos_token_id: expected the last id of the vocabulary, {vocabularySize - 1} "
                + $"(or {LegacyEndToken}, as old files have it), found {end}");
        }
    }

    /// <summary>Pixels are normalised with CLIP's mean and deviation, and so a model that was trained with others must be.</summary>
    private void CheckColours()
    {
        if (_preprocessing.Fields is not { ValueKind: JsonValueKind.Object } fields)
        {
            return;
        }

        if (Value(fields, "do_normalize") is { ValueKind: JsonValueKind.False })
        {
            throw CheckpointFormatException.At(_preprocessing.Path, "configuration", "do_normalize: expected true, found false");
        }

        string prefix = _isHuggingFace ? "image_" : "";
        Check(prefix + "mean", ClipPreprocessor.Mean);
        Check(prefix + "std", ClipPreprocessor.Std);

        void Check(string name, float[] expected)
        {
            if (Value(fields, name) is { } found && !IsNear(found, expected))
            {
                throw CheckpointFormatException.At(_preprocessing.Path, "configuration", string.Create(CultureInfo.InvariantCulture,
                    $"{_preprocessing.Part}{name}: expected CLIP's [{expected[0]}, {expected[1]}, {expected[2]}], found {Shown(found)}"));
            }
        }
    }

    private static bool IsNear(JsonElement found, float[] expected) => found.ValueKind == JsonValueKind.Array
        && found.GetArrayLength() == expected.Length
        && found.EnumerateArray().Zip(expected).All(pair => pair.First.ValueKind == JsonValueKind.Number
            && pair.First.TryGetDouble(out double value) && Math.Abs(value - pair.Second) < ColourTolerance);

    private void Expect<T>(JsonElement part, string name, T expected)
    {
        if (Value(part, name) is { } found && found.GetRawText() is var text
            && !(expected is double number ? found.ValueKind == JsonValueKind.Number && found.GetDouble() == number
                : text == JsonSerializer.Serialize(expected)))
        {
            throw Error($"{Name(part)}{name}: expected {JsonSerializer.Serialize(expected)}, found {Shown(found)}");
        }
    }

    private ClipActivation HuggingFaceActivation(JsonElement part) => Value(part, "hidden_act") switch
    {
        null => ClipActivation.QuickGelu,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("quick_gelu") => ClipActivation.QuickGelu,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("gelu") => ClipActivation.Gelu,
        { } other => throw Error($"{Name(part)}hidden_act: expected \"quick_gelu\" or \"gelu\", found {Shown(other)}"),
    };

    private bool QuickGelu() => Value(_root, "quick_gelu") switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.True } => true,
        { } other => throw Error($"quick_gelu: expected true or false, found {Shown(other)}"),
    };

    private int HeadWidth(JsonElement part, string name, int usual, int width, string checkpoint)
    {
        int heads = Number(part, name) ?? usual;
        return heads > 0 && width % heads == 0 && width > 0
            ? width / heads
            : throw Contradiction(part, name, heads, $"a width of {width}, which that many heads cannot share", checkpoint);
    }

    private void CompareLayers(ClipArchitecture sizes, string checkpoint)
    {
        if (Value(_vision, "layers") is not { ValueKind: JsonValueKind.Array } stages)
        {
            Compare(_vision, "layers", sizes.IsVisionTransformer ? sizes.VisionLayers[0] : 0, checkpoint);
        }
        else if (!stages.EnumerateArray().Select(stage => Whole(stage, "vision_cfg.layers")).SequenceEqual(sizes.VisionLayers))
        {
            throw Contradiction(_vision, "layers", Shown(stages), $"[{string.Join(", ", sizes.VisionLayers)}]", checkpoint);
        }
    }

    private void CompareRatio(JsonElement part, int width, int mlpWidth, string checkpoint)
    {
        if (Value(part, "mlp_ratio") is not { } ratio)
        {
            return;
        }

        if (ratio.ValueKind != JsonValueKind.Number || !ratio.TryGetDouble(out double value))
        {
            throw Error($"{Name(part)}mlp_ratio: expected a number, found {Shown(ratio)}");
        }

        if ((int)(width * value) != mlpWidth)
        {
            throw Contradiction(part, "mlp_ratio", Shown(ratio), $"{mlpWidth} for a width of {width}", checkpoint);
        }
    }

    private void Compare(JsonElement part, string name, int found, string checkpoint)
    {
        if (Number(part, name) is { } stated && stated != found)
        {
            throw Contradiction(part, name, stated, found, checkpoint);
        }
    }

    private int? Number(JsonElement part, string name) => Value(part, name) is { } value ? Whole(value, Name(part) + name) : null;

    private int Whole(JsonElement value, string place) => value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
        ? number : throw Error($"{place}: expected a whole number, found {Shown(value)}");

    private static JsonElement? Value(JsonElement part, string name) =>
        part.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static JsonElement? Part(JsonElement part, string name) =>
        part.ValueKind == JsonValueKind.Object && part.TryGetProperty(name, out JsonElement value)
            && value.ValueKind == JsonValueKind.Object ? value : null;

    private string Name(JsonElement part) => (part.Equals(_vision), part.Equals(_text), _isHuggingFace) switch
    {
        (true, _, true) => "vision_config.",
        (true, _, false) => "vision_cfg.",
        (_, true, true) => "text_config.",
        (_, true, false) => "text_cfg.",
        _ => "",
    };

    private static string Shown(JsonElement value) => value.GetRawText().Quoted();

    private CheckpointFormatException Contradiction(JsonElement part, string name, object stated, object found, string checkpoint) =>
        new($"{checkpoint}: its configuration file {Path} says {Name(part)}{name} {stated}; the shapes of its tensors say {found}.");

    private CheckpointFormatException Error(string problem) => CheckpointFormatException.At(Path, "configuration", problem);
}
