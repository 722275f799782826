using System.Text;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Modeling;

/// <summary>The vocabulary that is published beside the weights of a CLIP model: <c>tokenizer.json</c>, or <c>merges.txt</c>.</summary>
internal static class TokenizerFile
{
    private const string Place = "vocabulary";

    /// <summary>The tokenizer of the model in a checkpoint: a model zip has its own, others what lies beside them or CLIP's.</summary>
    /// <param name="checkpoint">A file, or a folder; null for a model from scratch.</param>
    /// <exception cref="CheckpointFormatException">The vocabulary is damaged, or not of CLIP's kind.</exception>
    public static ClipTokenizer Of(string? checkpoint)
    {
        using ModelArchive? zip = checkpoint is null ? null : ModelArchive.TryOpen(checkpoint);
        return zip is not null ? ModelArchive.ReadVocabulary(zip.Entries) : checkpoint is null ? ClipTokenizer.Default : Beside(checkpoint);
    }

    /// <summary>The tokenizer of a checkpoint that has a configuration beside it.</summary>
    /// <param name="checkpoint">A file, or a folder.</param>
    /// <returns>CLIP's own where there are no such files, or where they have its vocabulary.</returns>
    /// <exception cref="CheckpointFormatException">
    /// The vocabulary is not of CLIP's kind: byte-level pairs, ids in the order of the merges.
    /// </exception>
    public static ClipTokenizer Beside(string checkpoint)
    {
        if (ConfigurationFile.Beside(checkpoint).FirstOrDefault() is not { } configuration)
        {
            return ClipTokenizer.Default;
        }

        string folder = Path.GetDirectoryName(configuration.Path)!;
        string fast = Path.Combine(folder, "tokenizer.json"), merges = Path.Combine(folder, "merges.txt");
        return File.Exists(fast) ? ReadFast(fast) : File.Exists(merges) ? ReadMerges(merges) : ClipTokenizer.Default;
    }

    private static ClipTokenizer ReadFast(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(ReadBytes(path), new JsonDocumentOptions { MaxDepth = 32 });
            JsonElement model = document.RootElement.GetProperty("model");
            if (model.GetProperty("type").GetString() != "BPE" || model.GetProperty("end_of_word_suffix").GetString() != "</w>")
            {
                throw Error(path, "expected a model of type BPE with </w> at the end of words, as CLIP's");
            }

            ClipTokenizer tokenizer = Create(path, [.. model.GetProperty("merges").EnumerateArray().Select(Merge)]);
            CheckIds(path, model.GetProperty("vocab"), tokenizer);
            return tokenizer;
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException and not CheckpointFormatException)
        {
            // The parser quotes all that it does not understand.
            string problem = e.Message.Quoted();
            throw Error(path, $"expected JSON with the type, merges and vocab of a BPE model: {problem}", e);
        }
    }

    // "a b", or since tokenizers 0.20 ["a", "b"].
    private static string Merge(JsonElement merge) => merge.ValueKind == JsonValueKind.Array
        ? string.Join(' ', merge.EnumerateArray().Select(symbol => symbol.GetString())) : merge.GetString()!;

    private static ClipTokenizer ReadMerges(string path)
    {
        string[] lines = Encoding.UTF8.GetString(ReadBytes(path)).TrimEnd('\n').ReplaceLineEndings("\n").Split('\n');
        return Create(path, lines[0].Contains("#version", StringComparison.Ordinal) ? lines[1..] : lines);
    }

    private static ClipTokenizer Create(string path, string[] merges)
    {
        try
        {
            return merges.SequenceEqual(ClipTokenizer.Default.Merges) ? ClipTokenizer.Default
                : new ClipTokenizer(new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', merges.Prepend("#version")))));
        }
        catch (FormatException e)
        {
            throw Error(path, e.Message, e);
        }
    }

    /// <summary>Start and end may stand elsewhere in the file; tokens beyond the vocabulary show by its size.</summary>
    private static void CheckIds(string path, JsonElement vocabulary, ClipTokenizer tokenizer)
    {
        Dictionary<string, int> ids = [];
        foreach (JsonProperty entry in vocabulary.EnumerateObject())
        {
            ids[entry.Name] = entry.Value.GetInt32();
        }

        foreach ((int id, string symbol) in tokenizer.Symbols.SkipLast(2).Index())
        {
            if (!ids.TryGetValue(symbol, out int found) || found != id)
            {
                throw Error(
                    path,
                    $"expected the id {id} for {symbol.Quoted()}, as CLIP counts bytes and merges, found "
                    + (ids.ContainsKey(symbol) ? found : "none"));
            }
        }
    }

    private static byte[] ReadBytes(string path)
    {
        using var file = new CheckpointFile(path);
        return file.ReadSmall(Place);
    }

    private static CheckpointFormatException Error(string path, string problem, Exception? inner = null) =>
        CheckpointFormatException.At(path, Place, problem, inner);
}
