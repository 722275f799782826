using System.Text;
using HiMo.MLNet.HuggingFace;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Tokenizer files beside a checkpoint, damaged: a vocabulary of four merges, as JSON and as text.</summary>
internal static class TokenizerFuzz
{
    public static FuzzKind Kind(string folder)
    {
        _ = ClipTokenizer.Default;                                            // made once in a process, not by the first case
        HuggingFaceTokenizer.Save(new ClipTokenizer(new MemoryStream("a b</w>\nc ab</w>\n! !\n!! !!\n"u8.ToArray())), 248, folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), """{ "vision_config": {}, "text_config": {} }""");
        string fast = Path.Combine(folder, "tokenizer.json"), slow = Path.Combine(folder, "merges.txt");
        string json = File.ReadAllText(fast), merges = File.ReadAllText(slow);
        // The merges in front: damage finds them among five hundred symbols otherwise hardly ever.
        int atVocabulary = json.IndexOf("\"vocab\"", StringComparison.Ordinal), atMerges = json.IndexOf("\"merges\"", StringComparison.Ordinal);
        string model = json[atMerges..].TrimEnd('}', '\n', ' '), vocabulary = json[atVocabulary..atMerges].TrimEnd(',', '\n', ' ');
        string head = $$"""{ "model": { "type": "BPE", "end_of_word_suffix": "</w>", {{model}}""";
        return new FuzzKind("tokenizer", random => random.Next(4) switch
        {
            0 => [(byte)'t', .. Mutations.Utf8(Mutations.Lines(random, merges))],
            1 => [(byte)'j', .. Mutations.Bytes(random, Encoding.UTF8.GetBytes(json))],
            2 => [(byte)'j', .. Mutations.Utf8(Mutations.Json(random, $"{head}, {vocabulary} }} }}"))],
            _ => [(byte)'j', .. Mutations.Utf8($"{Mutations.Json(random, head)}, {vocabulary} }} }}")],
        }, Read, error => error is CheckpointFormatException, 8 << 20);

        void Read(byte[] file)
        {
            bool isText = file[0] == 't';
            File.Delete(fast);
            File.WriteAllBytes(isText ? slow : fast, file[1..]);
            TokenizerFile.Beside(folder).Encode("cab !!!!");
        }
    }
}
