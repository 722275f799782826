using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.HuggingFace;

/// <summary>The weights under the names of Hugging Face's <c>CLIPModel</c>; <see cref="CheckpointNames"/> is the way back.</summary>
internal static class HuggingFaceWeights
{
    private const string VisionBlocks = "visual.transformer.resblocks.", TextBlocks = "transformer.resblocks.";

    /// <summary>Writes safetensors, in the types that the tensors were read in.</summary>
    /// <param name="model">A model with a vision transformer, on any device.</param>
    /// <param name="stream">Where to; needs no seeking.</param>
    public static void Save(ClipModel model, Stream stream)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        // transformers refuses a file that does not say what it was made from.
        Safetensors.Write(stream, [.. Tensors(model)], new Dictionary<string, string> { ["format"] = "pt" });
        GC.KeepAlive(model);
    }

    /// <summary>The type of all tensors, as transformers calls it; float32 where they differ.</summary>
    public static string Type(ClipModel model) =>
        model.StoredTypes.Values.Distinct().ToArray() is [var only] && ClipWeights.Tensors(model).Keys.All(model.StoredTypes.ContainsKey)
            ? only switch { ScalarType.Float16 => "float16", ScalarType.BFloat16 => "bfloat16", _ => "float32" }
            : "float32";

    private static IEnumerable<(string Name, Tensor Tensor)> Tensors(ClipModel model)
    {
        Dictionary<string, Tensor> tensors = ClipWeights.Tensors(model);
        Tensor Stored(string name) => tensors[name].detach().to(model.StoredTypes.GetValueOrDefault(name, tensors[name].dtype));
        foreach (string name in tensors.Keys)
        {
            if (name == "positional_embedding_res")
            {
                continue;
            }

            if (name == "positional_embedding")
            {
                yield return ("text_model.embeddings.position_embedding.weight", Positions(Stored(name), Stored(name + "_res")));
                continue;
            }

            foreach ((string newName, Tensor tensor) in Renamed(name, Stored(name)))
            {
                yield return (newName, tensor);
            }
        }
    }

    /// <summary>The one table that the text tower reads: its first rows from the first, the others from the second.</summary>
    private static Tensor Positions(Tensor first, Tensor second)
    {
        long kept = Math.Min(ClipModel.KeptPositions, first.shape[0]);
        return first.dtype == second.dtype
            ? cat([first.narrow(0, 0, kept), second.narrow(0, kept, second.shape[0] - kept)], 0)
            : Positions(first.to(ScalarType.Float32), second.to(ScalarType.Float32));
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Renamed(string name, Tensor tensor)
    {
        foreach ((string blocks, string layers) in (ReadOnlySpan<(string, string)>)[
            (VisionBlocks, "vision_model.encoder.layers."), (TextBlocks, "text_model.encoder.layers.")])
        {
            if (name.StartsWith(blocks, StringComparison.Ordinal))
            {
                int dot = name.IndexOf('.', blocks.Length);
                return InLayer($"{layers}{name[blocks.Length..dot]}.", name[(dot + 1)..], tensor);
            }
        }

        return [name switch
        {
            "text_projection" => ("text_projection.weight", tensor.t()),
            "visual.proj" => ("visual_projection.weight", tensor.t()),
            "token_embedding.weight" => ("text_model.embeddings.token_embedding.weight", tensor),
            "visual.class_embedding" => ("vision_model.embeddings.class_embedding", tensor),
            "visual.conv1.weight" => ("vision_model.embeddings.patch_embedding.weight", tensor),
            "visual.positional_embedding" => ("vision_model.embeddings.position_embedding.weight", tensor),
            _ => (name.Replace("visual.ln_pre.", "vision_model.pre_layrnorm.", StringComparison.Ordinal)   // Hugging Face's own spelling
                .Replace("visual.ln_post.", "vision_model.post_layernorm.", StringComparison.Ordinal)
                .Replace("ln_final.", "text_model.final_layer_norm.", StringComparison.Ordinal), tensor),
        }];
    }

    private static IEnumerable<(string Name, Tensor Tensor)> InLayer(string layer, string name, Tensor tensor)
    {
        if (name.StartsWith("attn.in_proj_", StringComparison.Ordinal))
        {
            string kind = name["attn.in_proj_".Length..];
            long rows = tensor.shape[0] / 3;
            return [.. new[] { "q", "k", "v" }
                .Select((part, i) => ($"{layer}self_attn.{part}_proj.{kind}", tensor.narrow(0, i * rows, rows)))];
        }

        return [(layer + name.Replace("attn.out_proj.", "self_attn.out_proj.", StringComparison.Ordinal)
            .Replace("ln_1.", "layer_norm1.", StringComparison.Ordinal)
            .Replace("ln_2.", "layer_norm2.", StringComparison.Ordinal)
            .Replace("mlp.c_fc.", "mlp.fc1.", StringComparison.Ordinal)
            .Replace("mlp.c_proj.", "mlp.fc2.", StringComparison.Ordinal), tensor)];
    }
}
