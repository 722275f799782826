using System.Runtime.InteropServices;
using System.Text;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Texts of any UTF-16 units: every one has tokens.</summary>
internal static class CaptionFuzz
{
    private static readonly string[] s_pieces =
    [
        " ", "\t", "\u00a0", "\u2028", "a", "Z", "é", "e\u0301", "İ", "Σ", "ς", "ß", "ﬀ", "文", "🙂", "👩‍👩‍👧", "\ud83d", "\ude42", "\0", "\u007f", "\uFEFF", "\uFFFF", "½", "Ⅷ", "٣", "'s", "'LL",
        "<|startoftext|>", "<|endoftext|>", "<|", "&", "&amp;", "&amp;lt;", "&#0;", "&#xD800;", "&#x10FFFF;", "&#99999999999;", "&lt", "</w>", "...", "Mr.", "!?\")",
    ];

    public static FuzzKind Kind() => new("captions", Make, Read, _ => false, 64 << 20);

    private static byte[] Make(Random random)
    {
        var text = new StringBuilder();
        int pieces = random.Next(1, random.Next(20) == 0 ? 2_000 : 40);
        for (int i = 0; i < pieces; i++)
        {
            string piece = random.Next(4) == 0 ? ((char)random.Next(char.MaxValue + 1)).ToString() : random.Pick(s_pieces);
            text.Insert(text.Length, piece, random.Next(30) == 0 ? random.Next(1, 300) : 1);
        }

        // Not by the encoding, which mends lone surrogates.
        return MemoryMarshal.AsBytes(text.ToString().AsSpan()).ToArray();
    }

    private static void Read(byte[] input)
    {
        string text = new(MemoryMarshal.Cast<byte, char>(input));
        long[] row = new long[77];
        int used = ClipTokenizer.Default.Encode(text, row);
        Assert.InRange(used, 2, row.Length);
        Assert.All(row, id => Assert.InRange(id, 0, ClipTokenizer.Default.VocabularySize - 1));
        Assert.Equal(ClipTokenizer.Default.EndToken, row[used - 1]);
        Assert.All(Sentences.Split(text), sentence => Assert.False(string.IsNullOrWhiteSpace(sentence)));
    }
}
