using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.HuggingFace;

/// <summary>
/// A model as Hugging Face keeps a <c>CLIPModel</c>: configuration, tokenizer, weights, and ONNX graphs as transformers.js expects them.
/// </summary>
internal static class HuggingFaceFolder
{
    private const string ConfigurationName = "config.json", WeightsName = "model.safetensors";

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <param name="model">The model, on any device.</param>
    /// <param name="tokenizer">With the model's vocabulary.</param>
    /// <param name="folder">Made if need be.</param>
    /// <param name="precisions">Of the ONNX graphs; transformers.js takes the first unasked.</param>
    /// <exception cref="NotSupportedException">The image tower is a ResNet.</exception>
    /// <exception cref="CheckpointFormatException">The vocabulary is not the model's.</exception>
    /// <exception cref="IOException">The folder cannot be written, or holds another model.</exception>
    public static void Save(ClipModel model, ClipTokenizer tokenizer, string folder, IReadOnlyList<OnnxPrecision> precisions)
    {
        ClipArchitecture architecture = model.Architecture;
        if (!architecture.IsVisionTransformer)
        {
            throw new NotSupportedException(
                $"The image tower is a ResNet ({architecture}), and Hugging Face's CLIPModel has none: "
                + "expected a vision transformer. SaveOnnx and SaveCheckpoint write any model.");
        }

        architecture.RequireVocabulary(tokenizer, folder);
        CheckFolder(folder);
        WholeFolder.Write(folder, part =>
        {
            foreach (OnnxPrecision precision in precisions)
            {
                OnnxExport.Save(model, part, precision);
            }

            using (FileStream file = File.Create(Path.Combine(part, WeightsName)))
            {
                HuggingFaceWeights.Save(model, file);
            }

            JsonObject? transformersJs = precisions is [var first, ..] ? TransformersJs(first, part) : null;
            Write(part, ConfigurationName,
                HuggingFaceConfiguration.Model(architecture, tokenizer, HuggingFaceWeights.Type(model), transformersJs));
            Write(part, "preprocessor_config.json", HuggingFaceConfiguration.Preprocessor(architecture.ImageSize));
            HuggingFaceTokenizer.Save(tokenizer, architecture.ContextLength, part);
        });
    }

    /// <summary>Writes a JSON file.</summary>
    public static void Write(string folder, string name, JsonObject json)
    {
        using FileStream file = File.Create(Path.Combine(folder, name));
        JsonSerializer.Serialize(file, json, s_json);
    }

    // A browser would ask for q8, whatever there is. Data outside a graph, of towers beyond 2 GiB, is to be announced.
    private static JsonObject TransformersJs(OnnxPrecision first, string folder)
    {
        var json = new JsonObject
        {
            ["dtype"] = first switch { OnnxPrecision.Float16 => "fp16", OnnxPrecision.Int8 => "int8", _ => "fp32" },
        };
        string[] external = Directory.GetFiles(Path.Combine(folder, "onnx"), "*_data");
        if (external is not [])
        {
            json["use_external_data_format"] = new JsonObject(external.Select(path =>
                KeyValuePair.Create(Path.GetFileNameWithoutExtension(path) + ".onnx", (JsonNode?)1)));
        }

        return json;
    }

    /// <summary>The folder may hold an older model of this form, and files of any other kind.</summary>
    private static void CheckFolder(string folder)
    {
        if (!Directory.Exists(folder))
        {
            return;
        }

        string? other = Directory.EnumerateFiles(folder).FirstOrDefault(path => Path.GetFileName(path) is var name
            && (name == "open_clip_config.json" || name.EndsWith(".safetensors.index.json", StringComparison.Ordinal)
                || (name.EndsWith(".safetensors", StringComparison.Ordinal) && name != WeightsName)));
        if (other is not null)
        {
            throw new IOException($"'{folder}' cannot be written: expected a folder without another model in it, found '{other}'.");
        }

        string configuration = Path.Combine(folder, ConfigurationName);
        if (File.Exists(configuration) && !ConfigurationFile.Beside(folder).Any(file => file.IsHuggingFace))
        {
            throw new IOException(
                $"'{folder}' cannot be written: expected no {ConfigurationName} but that of a CLIP model, "
                + $"found '{configuration}' of something else.");
        }
    }
}
