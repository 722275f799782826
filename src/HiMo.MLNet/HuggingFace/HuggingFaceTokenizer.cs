using System.Text.Json.Nodes;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.HuggingFace;

/// <summary>
/// The files of Hugging Face's CLIP tokenizer: <c>tokenizer.json</c> for the fast one and transformers.js, <c>vocab.json</c> and
/// <c>merges.txt</c> for the other, <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c> for both.
/// </summary>
/// <remarks>
/// They give the ids that <see cref="ClipTokenizer"/> gives to a text that needs no repair: a normalizer has no part that could do what
/// <see cref="TextRepair"/> and <see cref="HtmlEntities"/> do.
/// </remarks>
internal static class HuggingFaceTokenizer
{
    private const string EndOfWord = "</w>";

    // CLIP's own pattern for texts in lower case. It ignores case, by which a long s is an s, and the iota below (U+0345) a letter that
    // \p{L} does not have.
    private const string Words = "'[s\u017F]|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}\u0345]+";

    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="contextLength">The ids that the model reads, start and end included.</param>
    /// <param name="folder">Where to.</param>
    public static void Save(ClipTokenizer tokenizer, int contextLength, string folder)
    {
        HuggingFaceFolder.Write(folder, "tokenizer.json", Fast(tokenizer));
        HuggingFaceFolder.Write(folder, "vocab.json", Vocabulary(tokenizer));
        File.WriteAllText(
            Path.Combine(folder, "merges.txt"), string.Concat(tokenizer.Merges.Prepend("#version: 0.2").Select(line => line + "\n")));
        HuggingFaceFolder.Write(folder, "special_tokens_map.json", SpecialTokens());
        HuggingFaceFolder.Write(folder, "tokenizer_config.json", Configuration(tokenizer, contextLength));
    }

    private static JsonObject Vocabulary(ClipTokenizer tokenizer) =>
        new(tokenizer.Symbols.Select((symbol, id) => KeyValuePair.Create(symbol, (JsonNode?)id)));

    private static JsonObject Fast(ClipTokenizer tokenizer) => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = new JsonArray(
            AddedToken(ClipText.StartOfText, tokenizer.StartToken), AddedToken(ClipText.EndOfText, tokenizer.EndToken)),
        ["normalizer"] = Sequence("normalizers",
            new() { ["type"] = "NFC" },
            new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = @"\s+" }, ["content"] = " " },
            new() { ["type"] = "Lowercase" }),
        ["pre_tokenizer"] = Sequence("pretokenizers",
            new() { ["type"] = "Split", ["pattern"] = new JsonObject { ["Regex"] = Words }, ["behavior"] = "Removed", ["invert"] = true },
            new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true, ["use_regex"] = false }),
        ["post_processor"] = new JsonObject
        {
            ["type"] = "RobertaProcessing",
            ["sep"] = new JsonArray(ClipText.EndOfText, tokenizer.EndToken),
            ["cls"] = new JsonArray(ClipText.StartOfText, tokenizer.StartToken),
            ["trim_offsets"] = false,
            ["add_prefix_space"] = false,
        },
        ["decoder"] = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = true, ["trim_offsets"] = true },
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = ClipText.EndOfText,
            ["continuing_subword_prefix"] = "",
            ["end_of_word_suffix"] = EndOfWord,
            ["fuse_unk"] = false,
            ["vocab"] = Vocabulary(tokenizer),
            ["merges"] = new JsonArray([.. tokenizer.Merges.Select(merge => JsonValue.Create(merge))]),
        },
    };

    private static JsonObject Sequence(string parts, params JsonObject[] inside) =>
        new() { ["type"] = "Sequence", [parts] = new JsonArray([.. inside]) };

    // Normalized: in upper case, too, they are the tokens.
    private static JsonObject SpecialToken(string content) => new()
    {
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = true,
    };

    private static JsonObject AddedToken(string content, int? id)
    {
        JsonObject token = SpecialToken(content);
        token["special"] = true;
        if (id is not null)
        {
            token["id"] = id;
        }

        return token;
    }

    private static JsonObject SpecialTokens() => new()
    {
        ["bos_token"] = SpecialToken(ClipText.StartOfText),
        ["eos_token"] = SpecialToken(ClipText.EndOfText),
        ["unk_token"] = SpecialToken(ClipText.EndOfText),
        ["pad_token"] = ClipText.EndOfText,
    };

    private static JsonObject Configuration(ClipTokenizer tokenizer, int contextLength) => new()
    {
        ["tokenizer_class"] = "CLIPTokenizer",
        ["model_max_length"] = contextLength,
        ["bos_token"] = ClipText.StartOfText,
        ["eos_token"] = ClipText.EndOfText,
        ["unk_token"] = ClipText.EndOfText,
        ["pad_token"] = ClipText.EndOfText,
        ["do_lower_case"] = true,
        ["add_prefix_space"] = false,
        ["errors"] = "replace",
        ["clean_up_tokenization_spaces"] = true,
        ["added_tokens_decoder"] = new JsonObject
        {
            [$"{tokenizer.StartToken}"] = AddedToken(ClipText.StartOfText, null),
            [$"{tokenizer.EndToken}"] = AddedToken(ClipText.EndOfText, null),
        },
    };
}
