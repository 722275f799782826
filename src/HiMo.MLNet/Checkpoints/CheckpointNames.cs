using System.Globalization;
using HiMo.MLNet.Modeling;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// Brings the tensors of Hugging Face's <c>CLIPModel</c> and of open_clip under the names, and into the layout, of the
/// original CLIP state dict. Names that are already original, and names that nobody knows, stay as they are.
/// </summary>
/// <remarks>Names do not tell which activation the weights were trained with: see <see cref="ConfigurationFile"/>.</remarks>
internal static class CheckpointNames
{
    private static readonly string[] Projections = ["q_proj", "k_proj", "v_proj"];

    /// <summary>Maps all tensors of a checkpoint.</summary>
    /// <param name="stored">The tensors under the file's own names.</param>
    /// <param name="path">The checkpoint, for errors.</param>
    /// <exception cref="CheckpointFormatException">
    /// Two tensors end up under one name, a projection's part is missing, or the towers are of a kind not supported here.
    /// </exception>
    internal static Dictionary<string, MappedTensor> Map(IReadOnlyList<StoredTensor> stored, string path)
    {
        var mapped = new Dictionary<string, MappedTensor>();
        var packed = new Dictionary<string, StoredTensor?[]>();
        foreach (StoredTensor tensor in stored)
        {
            string name = Unwrap(tensor.Info.Name);
            if (IsDropped(name))
            {
                continue;
            }

            CheckSupported(name, path);
            (string Name, bool Transposed, int? Part) original = ToOriginal(name);
            if (original.Part is not { } part)
            {
                Add(original.Name, Present(tensor, original, path));
                continue;
            }

            if (!packed.TryGetValue(original.Name, out StoredTensor?[]? parts))
            {
                packed[original.Name] = parts = new StoredTensor?[Projections.Length];
            }

            if (parts[part] is not null)
            {
                throw Error(path, name,
                    $"a second tensor of this name (the first is {parts[part]!.Info.Name.Quoted()})");
            }

            parts[part] = tensor;
        }

        foreach ((string? name, StoredTensor?[]? parts) in packed)
        {
            Add(name, Pack(name, parts, path));
        }

        return mapped;

        void Add(string name, MappedTensor tensor)
        {
            if (!mapped.TryAdd(name, tensor))
            {
                throw Error(path, name, "two tensors stand for this one");
            }
        }
    }

    /// <summary>The original name; <c>Part</c> is 0, 1, 2 for query, key and value rows of a packed projection.</summary>
    internal static (string Name, bool Transposed, int? Part) ToOriginal(string name)
    {
        const string textLayers = "text_model.encoder.layers.";
        const string imageLayers = "vision_model.encoder.layers.";
        if (name.StartsWith(textLayers, StringComparison.Ordinal))
        {
            return InLayer(name, name[textLayers.Length..], "transformer.resblocks.");
        }

        if (name.StartsWith(imageLayers, StringComparison.Ordinal))
        {
            return InLayer(name, name[imageLayers.Length..], "visual.transformer.resblocks.");
        }

        // open_clip's models with a separate text tower keep it under "text."; the names below that are the original ones.
        const string textTower = "text.";
        if (name.StartsWith(textTower, StringComparison.Ordinal) && name[textTower.Length..] is var inside && StartsWithAny(
            inside, "positional_embedding", "text_projection", "token_embedding.", "transformer.resblocks.", "ln_final."))
        {
            name = inside;
        }

        return name switch
        {
            "text_projection.weight" => ("text_projection", true, null),
            "visual_projection.weight" => ("visual.proj", true, null),
            "text_model.embeddings.token_embedding.weight" => ("token_embedding.weight", false, null),
            "text_model.embeddings.position_embedding.weight" => ("positional_embedding", false, null),
            "text_model.final_layer_norm.weight" => ("ln_final.weight", false, null),
            "text_model.final_layer_norm.bias" => ("ln_final.bias", false, null),
            "vision_model.embeddings.class_embedding" => ("visual.class_embedding", false, null),
            "vision_model.embeddings.patch_embedding.weight" => ("visual.conv1.weight", false, null),
            "vision_model.embeddings.position_embedding.weight" => ("visual.positional_embedding", false, null),

            // Hugging Face's own spelling.
            "vision_model.pre_layrnorm.weight" => ("visual.ln_pre.weight", false, null),
            "vision_model.pre_layrnorm.bias" => ("visual.ln_pre.bias", false, null),
            "vision_model.post_layernorm.weight" => ("visual.ln_post.weight", false, null),
            "vision_model.post_layernorm.bias" => ("visual.ln_post.bias", false, null),
            _ => (name, false, null),
        };
    }

    private static (string Name, bool Transposed, int? Part) InLayer(string name, string rest, string resblocks)
    {
        int dot = rest.IndexOf('.');
        if (dot < 0 || !int.TryParse(rest.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out int layer))
        {
            return (name, false, null);
        }

        (string Name, int? Part)? original = rest[(dot + 1)..] switch
        {
            "layer_norm1.weight" => ("ln_1.weight", null),
            "layer_norm1.bias" => ("ln_1.bias", null),
            "layer_norm2.weight" => ("ln_2.weight", null),
            "layer_norm2.bias" => ("ln_2.bias", null),
            "mlp.fc1.weight" => ("mlp.c_fc.weight", null),
            "mlp.fc1.bias" => ("mlp.c_fc.bias", null),
            "mlp.fc2.weight" => ("mlp.c_proj.weight", null),
            "mlp.fc2.bias" => ("mlp.c_proj.bias", null),
            "self_attn.out_proj.weight" => ("attn.out_proj.weight", null),
            "self_attn.out_proj.bias" => ("attn.out_proj.bias", null),
            "self_attn.q_proj.weight" => ("attn.in_proj_weight", 0),
            "self_attn.k_proj.weight" => ("attn.in_proj_weight", 1),
            "self_attn.v_proj.weight" => ("attn.in_proj_weight", 2),
            "self_attn.q_proj.bias" => ("attn.in_proj_bias", 0),
            "self_attn.k_proj.bias" => ("attn.in_proj_bias", 1),
            "self_attn.v_proj.bias" => ("attn.in_proj_bias", 2),
            _ => null,
        };
        return original is var (suffix, part) ? ($"{resblocks}{layer}.{suffix}", false, part) : (name, false, null);
    }

    /// <summary>Removes what data-parallel training and compilation put around a model's names.</summary>
    private static string Unwrap(string name)
    {
        const string parallel = "module.", compiled = "_orig_mod.";
        while (true)
        {
            if (name.StartsWith(parallel, StringComparison.Ordinal))
            {
                name = name[parallel.Length..];
            }
            else if (name.StartsWith(compiled, StringComparison.Ordinal))
            {
                name = name[compiled.Length..];
            }
            else
            {
                return name.Replace("." + compiled, ".", StringComparison.Ordinal);
            }
        }
    }

    /// <summary>Buffers that follow from the sizes, and the sizes that OpenAI's archives keep as tensors.</summary>
    private static bool IsDropped(string name) =>
        name is "input_resolution" or "context_length" or "vocab_size"
        || name[(name.LastIndexOf('.') + 1)..] is "attn_mask" or "position_ids";

    private static void CheckSupported(string name, string path)
    {
        string? other = StartsWithAny(name, "visual.trunk.", "visual.blocks.", "visual.patch_embed.")
            ? "the image tower is not CLIP's own ViT or ResNet (it comes from timm or EVA)"
            : StartsWithAny(name, "text.transformer.embeddings.", "text.transformer.encoder.", "text.transformer.layer.")
            ? "the text tower is not CLIP's own transformer (it comes from Hugging Face)" : null;
        if (other is not null)
        {
            throw Error(path, name, $"{other}; such models are not supported");
        }
    }

    private static bool StartsWithAny(string name, params string[] prefixes) =>
        prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal));

    private static MappedTensor Present(StoredTensor tensor, (string Name, bool Transposed, int? Part) original, string path)
    {
        TensorInfo info = tensor.Info;
        return !original.Transposed ? new MappedTensor(info with { Name = original.Name }, [tensor], false)
            : info.Shape is [var rows, var columns]
            ? new MappedTensor(info with { Name = original.Name, Shape = [columns, rows] }, [tensor], true)
            : throw Error(path, info.Name, $"expected a matrix, found shape [{string.Join(", ", info.Shape)}]");
    }

    private static MappedTensor Pack(string name, StoredTensor?[] parts, string path)
    {
        for (int i = 0; i < parts.Length; i++)
        {
            if (parts[i] is not { } part)
            {
                throw Error(path, name, $"expected query, key and value projections, found no {Projections[i]}");
            }

            TensorInfo first = parts[0]!.Info;
            if (part.Info.Type != first.Type || part.Info.Shape.Length == 0 || !part.Info.Shape.AsSpan().SequenceEqual(first.Shape))
            {
                throw Error(
                    path,
                    name,
                    $"expected query, key and value projections of one type and shape, found {Describe(first)} and {Describe(part.Info)}");
            }
        }

        TensorInfo one = parts[0]!.Info;
        if (one.Shape[0] > long.MaxValue / parts.Length)
        {
            throw Error(path, name, $"expected projections that can be stacked, found {Describe(one)}");
        }

        var info = new TensorInfo(name, one.Type, [one.Shape[0] * parts.Length, .. one.Shape[1..]], one.ByteCount * parts.Length);
        return new MappedTensor(info, parts!, false);
    }

    private static string Describe(TensorInfo info) => $"{info.Type} [{string.Join(", ", info.Shape)}]";

    private static CheckpointFormatException Error(string path, string name, string problem) =>
        CheckpointFormatException.At(path, $"tensor {name.Quoted()}", problem);
}
