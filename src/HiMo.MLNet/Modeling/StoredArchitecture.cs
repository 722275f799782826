using System.Text.Json;
using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// The architecture of stored weights: sizes from the shapes of the tensors, activation and heads from the metadata of the file or
/// from a configuration file beside it (<see cref="ConfigurationFile"/>).
/// </summary>
/// <param name="Architecture">With the default activation, and the widths of heads that the sizes suggest, where nothing says them.</param>
/// <param name="Source">The file that says the activation; null where none does.</param>
internal sealed record StoredArchitecture(ClipArchitecture Architecture, string? Source)
{
    /// <summary>The original CLIP's context, stretched to 248 tokens on loading.</summary>
    public const int ShortContext = 77;

    /// <summary>
    /// Whether loading stretches a checkpoint's positions from 77 to 248: of a CLIP as it was published. This library's own of 77
    /// tokens have the second table, too, and are loaded as they are.
    /// </summary>
    public static bool IsStretched(IReadOnlyDictionary<string, TensorInfo> tensors) =>
        tensors.TryGetValue("positional_embedding", out TensorInfo? positions) && positions.Shape is [ShortContext, _]
        && !tensors.ContainsKey("positional_embedding_res");

    /// <summary>The metadata of a training's checkpoint have this key, too.</summary>
    public const string TrainingKey = "himo_training";

    private const string Key = "himo_architecture";

    private static readonly JsonSerializerOptions s_json = new()
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    // Those whose heads are of another width than 64 in all that is published of their sizes.
    private static readonly ClipArchitecture[] s_large = [ClipArchitecture.ViTH14, ClipArchitecture.ViTg14, ClipArchitecture.ViTbigG14];

    /// <summary>What a safetensors file keeps of the architecture beside the tensors.</summary>
    public static Dictionary<string, string> Metadata(ClipArchitecture architecture) =>
        new() { [Key] = JsonSerializer.Serialize(architecture) };

    /// <exception cref="CheckpointFormatException">The shapes are not those of a CLIP model, or a file contradicts them.</exception>
    public static StoredArchitecture Of(Checkpoint checkpoint)
    {
        StoredArchitecture stored = Of(checkpoint, FromShapes(checkpoint.Tensors, checkpoint.Path));
        return stored with { Architecture = Checked(stored.Architecture, checkpoint.Tensors, checkpoint.Path) };
    }

    private static StoredArchitecture Of(Checkpoint checkpoint, ClipArchitecture sizes)
    {
        if (FromMetadata(checkpoint.Metadata, checkpoint.Path) is { } stated)
        {
            return new(Agree(sizes, stated with { ContextLength = sizes.ContextLength }, checkpoint.Path, "metadata"), checkpoint.Path);
        }

        ConfigurationFile[] files = [.. ConfigurationFile.Beside(checkpoint.Path)];
        if (files is [])
        {
            // Trainings of earlier versions have no other activation.
            return new(sizes, checkpoint.Metadata.ContainsKey(TrainingKey) ? checkpoint.Path : null);
        }

        int positions = (int)checkpoint.Tensors["positional_embedding"].Shape[0];
        ClipArchitecture first = files[0].Apply(sizes, positions, checkpoint.Path);
        foreach (ConfigurationFile other in files.Skip(1))
        {
            ClipArchitecture second = other.Apply(sizes, positions, checkpoint.Path);
            if (first != second)
            {
                throw new CheckpointFormatException(
                    $"{checkpoint.Path}: the configuration files beside it differ: "
                    + $"{files[0].Path} says {Blocks(first)}, {other.Path} says {Blocks(second)}.");
            }
        }

        return new(first, files[0].Path);
    }

    /// <summary>The architecture of the weights in a model zip; the context is the one that is stored.</summary>
    /// <param name="header">What the zip's weights begin with.</param>
    /// <param name="source">The file, for errors.</param>
    /// <param name="settings">What the zip's settings say; null for the header's word alone.</param>
    /// <exception cref="CheckpointFormatException">The shapes are not those of a CLIP model.</exception>
    public static ClipArchitecture Of(SafetensorsHeader header, string source, ClipArchitecture? settings = null)
    {
        var tensors = header.Tensors.ToDictionary(tensor => tensor.Name);
        ClipArchitecture sizes = FromShapes(tensors, source);
        sizes = sizes with { ContextLength = (int)tensors["positional_embedding"].Shape[0] };
        ClipArchitecture found = settings is not null ? Agree(sizes, settings, source, "settings")
            : FromMetadata(header.Metadata, source) is { } stated ? Agree(sizes, stated, source, "metadata") : sizes;
        return Checked(found, tensors, source);
    }

    /// <summary>What is stated of the architecture, which the sizes must bear out.</summary>
    /// <param name="found">Read off the tensors.</param>
    /// <param name="stated">What the settings or the metadata say.</param>
    /// <param name="source">The file.</param>
    /// <param name="place">What says so.</param>
    /// <exception cref="CheckpointFormatException">They are not the same; the message has both.</exception>
    private static ClipArchitecture Agree(ClipArchitecture found, ClipArchitecture stated, string source, string place)
    {
        ClipArchitecture completed = found with
        {
            Activation = stated.Activation,
            VisionHeadWidth = stated.VisionHeadWidth,
            TextHeadWidth = stated.TextHeadWidth,
            VisionMlpWidth = stated.IsVisionTransformer ? found.VisionMlpWidth : stated.VisionMlpWidth,
        };
        return completed == stated
            ? stated
            : throw new CheckpointFormatException(
                $"{source}: expected the tensors of the architecture in the {place} ({stated}), found those of another ({found}).");
    }

    /// <summary>The architecture to make, with the activation that the user asks for, if any.</summary>
    public static ClipArchitecture Decide(StoredArchitecture stored, ClipActivation? activation, string path, Action<string>? warn)
    {
        const string option = $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Activation)}";
        ClipArchitecture architecture = stored.Architecture;
        if (activation is null && stored.Source is null)
        {
            warn?.Invoke(
                $"'{path}': nothing says the activation of its networks; {Blocks(architecture)} are taken. Set {option}, "
                + "or put the model's config.json or open_clip_config.json beside the file.");
        }
        else if (activation is { } asked && stored.Source is { } source && asked != architecture.Activation)
        {
            warn?.Invoke($"'{path}': {source} says {architecture.Activation}; {option}, which is {asked}, overrules it.");
        }

        return architecture with { Activation = activation ?? architecture.Activation };
    }

    private static string Blocks(ClipArchitecture architecture) =>
        $"{architecture.Activation} and {architecture.VisionHeads} and {architecture.TextHeads} heads (image, text)";

    private static ClipArchitecture? FromMetadata(IReadOnlyDictionary<string, string> metadata, string path)
    {
        if (!metadata.TryGetValue(Key, out string? json))
        {
            return null;
        }

        try
        {
            ClipArchitecture stated = JsonSerializer.Deserialize<ClipArchitecture>(json, s_json)
                ?? throw new JsonException("expected an architecture, found null");
            stated.Validate();
            return stated;
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw CheckpointFormatException.At(path, $"metadata '{Key}'", e.Message, e);
        }
    }

    /// <summary>Reads every size off the shapes of a checkpoint's tensors (the original code's build_model).</summary>
    private static ClipArchitecture FromShapes(IReadOnlyDictionary<string, TensorInfo> tensors, string path)
    {
        long[] Shape(string name, int rank)
        {
            if (!tensors.TryGetValue(name, out TensorInfo? info))
            {
                throw new CheckpointFormatException(
                    $"{path}: holds no tensor '{name}', which every CLIP model has. It has: {ClipWeights.Listed(tensors.Keys)}.");
            }

            if (info.Shape.Length != rank)
            {
                throw new CheckpointFormatException(
                    $"{path}: tensor '{name}' should have {rank} dimensions; it has the shape ({string.Join(", ", info.Shape)}).");
            }

            return info.Shape;
        }
        int Blocks(string prefix) => tensors.Keys
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => name[prefix.Length..].Split('.')[0]).Distinct().Count();
        // A model without its first block is told so later, by the names that it lacks.
        int MlpWidth(string prefix, int usual) =>
            tensors.TryGetValue($"{prefix}0.mlp.c_fc.weight", out TensorInfo? inner) && inner.Shape is [var width, _]
                ? (int)Math.Min(width, int.MaxValue) : usual;

        const string text = "transformer.resblocks.", vision = "visual.transformer.resblocks.";
        long[] positions = Shape("positional_embedding", 2), projection = Shape("text_projection", 2);
        long[] conv1 = Shape("visual.conv1.weight", 4);
        ClipArchitecture architecture = tensors.ContainsKey("visual.proj")
            ? new ClipArchitecture((int)projection[1], (int)conv1[2] * Side(Shape("visual.positional_embedding", 2)[0] - 1),
                [Blocks(vision)], (int)conv1[0], (int)conv1[2], (int)projection[0], Blocks(text))
            : new ClipArchitecture((int)projection[1], 32 * Side(Shape("visual.attnpool.positional_embedding", 2)[0] - 1),
                [.. Enumerable.Range(1, 4).Select(stage => Blocks($"visual.layer{stage}."))],
                (int)conv1[0] * 2, null, (int)projection[0], Blocks(text));
        architecture = architecture with
        {
            ContextLength = IsStretched(tensors) ? 248 : (int)positions[0],
            VocabularySize = (int)Shape("token_embedding.weight", 2)[0],
            VisionMlpWidth = MlpWidth(vision, architecture.VisionMlpWidth),
            TextMlpWidth = MlpWidth(text, architecture.TextMlpWidth),
        };
        ClipArchitecture? large = s_large.FirstOrDefault(known =>
            (known.VisionWidth, known.PatchSize, known.VisionLayers[0])
            == (architecture.VisionWidth, architecture.PatchSize, architecture.VisionLayers[0]));
        return architecture with { VisionHeadWidth = large?.VisionHeadWidth ?? architecture.VisionHeadWidth };

        static int Side(long positions) => (int)Math.Sqrt(positions);
    }

    private static ClipArchitecture Checked(ClipArchitecture architecture, IReadOnlyDictionary<string, TensorInfo> tensors, string path)
    {
        try
        {
            architecture.Validate();
        }
        catch (ArgumentException e)
        {
            throw new CheckpointFormatException($"{path}: the shapes of its tensors are those of no CLIP model: {e.Message}", e);
        }
        // Before anything is allocated: sizes that agree tensor by tensor cannot ask for much more than the file holds.
        double elements = tensors.Values.Sum(t => t.Shape.Aggregate(1.0, (product, size) => product * size));
        if (architecture.MinimalParameterCount > elements + (2.0 * architecture.ContextLength * architecture.TextWidth))
        {
            throw new CheckpointFormatException(
                $"{path}: its tensors hold {elements:n0} numbers; the architecture that their shapes suggest ({architecture}) "
                + $"needs {architecture.MinimalParameterCount:n0} or more.");
        }

        return architecture;
    }
}
