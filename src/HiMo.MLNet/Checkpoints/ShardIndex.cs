using System.Text.Json;

namespace HiMo.MLNet.Checkpoints;

/// <summary>The index of a checkpoint in several files (<c>*.index.json</c>): which tensor lies in which file.</summary>
internal static class ShardIndex
{
    private const string Suffix = ".index.json";

    // As transformers and open_clip call them; a folder may have several, of the same weights.
    private static readonly string[] s_names =
        ["model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.bin", "pytorch_model.bin"];

    /// <summary>
    /// The checkpoint in a folder: its index, or else its only safetensors file, or else the file that is named as transformers or
    /// open_clip name theirs.
    /// </summary>
    internal static string FindInFolder(string folder)
    {
        foreach (string? pattern in new[] { "*.safetensors" + Suffix, "*.safetensors" })
        {
            string[] found = Directory.GetFiles(folder, pattern);
            if (found is [var only])
            {
                return only;
            }

            if (found.Length > 1 && !found.Any(path => Path.GetFileName(path) == s_names[0] || Path.GetFileName(path) == s_names[1]))
            {
                throw new CheckpointFormatException(
                    $"{folder}: expected one {pattern}, found {string.Join(", ", found.Select(Path.GetFileName).Order())}; name the file "
                    + $"itself");
            }
        }

        return s_names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists) ?? throw new CheckpointFormatException(
            $"{folder}: expected a checkpoint (*.safetensors{Suffix}, *.safetensors or {string.Join(" or ", s_names[2..])}) "
            + "in this folder, found none");
    }

    /// <summary>Reads the index.</summary>
    /// <returns>For each file, as a path beside the index, the names of the tensors to take from it.</returns>
    internal static Dictionary<string, HashSet<string>> Read(CheckpointFile index)
    {
        const string place = "shard index";
        byte[] json = index.ReadSmall(place);
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            return Read(index, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw index.Error(place, $"expected a JSON object with a weight_map of names to files: {e.Message}", e);
        }
    }

    private static Dictionary<string, HashSet<string>> Read(CheckpointFile index, JsonElement root)
    {
        const string place = "shard index";
        ClipLimits limits = ClipLimits.Current;
        string folder = Path.GetDirectoryName(Path.GetFullPath(index.Path))!;
        var shards = new Dictionary<string, HashSet<string>>();
        if (!root.TryGetProperty("weight_map", out JsonElement map))
        {
            throw index.Error(place, "expected a weight_map of names to files");
        }

        int tensors = 0;
        foreach (JsonProperty entry in map.EnumerateObject())
        {
            string? shard = entry.Value.GetString();

            // A shard lies beside its index: names with folders in them could point anywhere.
            if (string.IsNullOrEmpty(shard) || shard is "." or ".." || shard.AsSpan().ContainsAny("/\\:\0"))
            {
                throw index.Error(place,
                    $"expected a plain file name "
                    + $"for {entry.Name.Quoted()}, found {(shard ?? "null").Quoted()}");
            }

            string path = Path.Combine(folder, shard);
            if (!shards.TryGetValue(path, out HashSet<string>? names))
            {
                shards[path] = names = [];
            }

            names.Add(entry.Name);
            if (++tensors > limits.Tensors)
            {
                throw index.Error(place, ClipLimits.AtMost(limits.Tensors, "tensors"));
            }

            if (shards.Count > limits.Shards)
            {
                throw index.Error(place, ClipLimits.AtMost(limits.Shards, "files"));
            }
        }

        return shards;
    }
}
