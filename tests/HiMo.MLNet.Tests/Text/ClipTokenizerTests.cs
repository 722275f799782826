using System.Text;
using System.Text.Json;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

[Trait("Category", "Fidelity")]
public sealed class ClipTokenizerTests
{
    private static readonly ClipTokenizer s_tokenizer = ClipTokenizer.Default;

    [Fact]
    public void Reproduces_the_original_tokenizer_on_every_golden_caption()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(GoldenFile.PathOf("tokenizer.expected.json")));
        var cases = golden.RootElement.EnumerateArray().ToList();
        Assert.Equal(110, cases.Count);
        Assert.All(cases, golden =>
        {
            string text = golden.GetProperty("text").GetString()!;
            Assert.Equal(golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), s_tokenizer.Encode(text));

            long[] row = new long[248];
            row.AsSpan().Fill(-1);
            int used = s_tokenizer.Encode(text, row);
            long[] expected = [.. golden.GetProperty("padded248").EnumerateArray().Select(id => id.GetInt64())];
            Fidelity.Record("text: padded rows of tokens", expected.Length, row.SequenceEqual(expected));
            Assert.Equal(expected, row);
            Assert.Equal(Array.LastIndexOf(expected, 49407) + 1, used);
        });
    }

    [Fact]
    public void Has_the_original_vocabulary()
    {
        Assert.Equal(49408, s_tokenizer.VocabularySize);
        Assert.Equal(49406, s_tokenizer.StartToken);
        Assert.Equal(49407, s_tokenizer.EndToken);
    }

    [Fact]
    public void Keeps_the_end_token_when_a_caption_is_too_long()
    {
        long[] row = new long[5];
        Assert.Equal(5, s_tokenizer.Encode("a photo of a cat", row));
        Assert.Equal([49406, 320, 1125, 539, 49407], row);
    }

    [Fact]
    public void Pads_with_zeros_over_what_was_there()
    {
        long[] row = [9, 9, 9, 9];
        Assert.Equal(2, s_tokenizer.Encode("", row));
        Assert.Equal([49406, 49407, 0, 0], row);
    }

    [Fact]
    public void Refuses_a_row_without_room_for_both_ends() =>
        Assert.Contains("found 1", Assert.Throws<ArgumentException>(() => s_tokenizer.Encode("a", new long[1])).Message);

    [Theory]
    [InlineData("Tom &amp;amp; Jerry", "tom & jerry")]
    [InlineData("caf&#233; &lt;3", "café <3")]
    [InlineData("a&nbsp;&nbsp;cat", "a cat")]
    [InlineData("it’s &#8220;here&#8221;", "it's \"here\"")]
    [InlineData("\u2003a\u2028\u2029cat\r\n", "a cat")]
    [InlineData("ΟΔΟΣ ΟΔΟΣΣ.", "οδος οδοσς.")]
    [InlineData("İ", "i\u0307")]
    public void Cleans_text_as_the_original_does(string text, string clean)
    {
        Assert.Equal(clean, string.Join(' ', ClipText.Clean(text)));
        Assert.Equal(s_tokenizer.Encode(clean), s_tokenizer.Encode(text));
    }

    [Theory]
    [InlineData("it's we'll 3.14", "it·'s·we·'ll·3·.·1·4")]
    [InlineData("''s", "''·s")]
    [InlineData("a<|endoftext|>b !<|endoftext|>", "a·<|endoftext|>·b·!<|·endoftext·|>")]
    [InlineData("𠮷野家", "𠮷野家")] // A letter outside the basic plane stays in its word.
    [InlineData("𝟏𝟐", "𝟏·𝟐")]
    [InlineData("é€!", "é·€!")]
    public void Cuts_words_by_kind_of_character(string text, string words)
    {
        var found = new List<string>();
        foreach (string part in text.Split(' '))
        {
            for (string rest = part; rest.Length > 0; rest = rest[ClipText.WordLength(rest)..])
            {
                found.Add(rest[..ClipText.WordLength(rest)]);
            }
        }

        Assert.Equal(words, string.Join('·', found));
    }

    public static TheoryData<string> StrangeTexts =>
    [
        "\ud83d", "cat \udc31 cat", "\ud83d\ud83d\udc31", "\0\u0001\u001f\u007f", "\u200b\ufeff", "&", "&&&;#&#xfffffff;&#55357;",
        new string('a', 100_000), new string(' ', 100_000), string.Concat(Enumerable.Repeat("🐱", 25_000)),
        string.Concat(Enumerable.Repeat("A cat, 2 dogs. ", 7_000)), new string('!', 100_000),
    ];

    [Theory]
    [MemberData(nameof(StrangeTexts), DisableDiscoveryEnumeration = true)]
    public void Encodes_any_text(string text)
    {
        long[] row = new long[248];
        int used = s_tokenizer.Encode(text, row);
        Assert.InRange(used, 2, 248);
        Assert.Equal(49407, row[used - 1]);

        IReadOnlyList<int> ids = s_tokenizer.Encode(text);
        Assert.All(ids, id => Assert.InRange(id, 0, 49405));
        Assert.Equal(ids.Take(246).Select(id => (long)id), row[1..(used - 1)]);
    }

    [Fact]
    public void Encodes_the_same_from_many_threads()
    {
        string[] captions = [.. Enumerable.Range(0, 2_000).Select(i => $"A caption number {i} of a quokka{i % 7} eating café-{i * 31 % 101}s.")];
        var alone = new ClipTokenizer(Merges(s_tokenizer));
        var together = new ClipTokenizer(Merges(s_tokenizer));
        IReadOnlyList<int>[] expected = captions.Select(alone.Encode).ToArray();
        Assert.Equal(expected, captions.AsParallel().AsOrdered().WithDegreeOfParallelism(8).Select(together.Encode).ToArray());
    }

    [Fact]
    public void Survives_writing_and_reading_its_merges()
    {
        var copy = new ClipTokenizer(Merges(s_tokenizer));
        Assert.Equal(s_tokenizer.VocabularySize, copy.VocabularySize);
        Assert.Equal(s_tokenizer.Encode("Supercalifragilistic naïveté 🐱"), copy.Encode("Supercalifragilistic naïveté 🐱"));
    }

    [Fact]
    public void Reads_a_small_vocabulary_of_plain_text()
    {
        var tokenizer = new ClipTokenizer(Plain("#version: 0.2\na t</w>\nc at</w>\n"));
        Assert.Equal(516, tokenizer.VocabularySize);
        Assert.Equal(515, tokenizer.EndToken);
        Assert.Equal([513, 256 + ('a' - '!')], tokenizer.Encode("Cat a")); // "cat</w>" is the second merge, "a</w>" the byte at a word's end.
    }

    [Theory]
    [InlineData("a b\nabc\n", "line 2", "'abc'")]
    [InlineData("a b\na  b\n", "line 2", "'a  b'")]
    [InlineData("#version: 0.2\na b\n\nc d", "line 3", "''")]
    [InlineData("a b\nab cd\n", "line 2", "'cd'")]
    [InlineData("a b\na b\n", "line 2", "already")]
    public void Names_the_malformed_line(string merges, string line, string found)
    {
        FormatException error = Assert.Throws<FormatException>(() => new ClipTokenizer(Plain(merges)));
        Assert.Contains(line, error.Message);
        Assert.Contains(found, error.Message);
    }

    [Fact]
    public void Refuses_what_holds_no_merges()
    {
        byte[] whole = Merges(s_tokenizer).ToArray();
        byte[][] files = [[], [0xff, 0xfe, 0xfd, 0x00, 0x80], [0x1f, 0x8b, 8, 1, 2, 3, 4, 5, 6, 7, 8, 9], whole[..1_000], whole[..^100], "#version: 0.2\n"u8.ToArray()];
        Assert.All(files, file => Assert.Throws<FormatException>(() => new ClipTokenizer(new MemoryStream(file))));
    }

    [Fact]
    public void Ships_the_vocabulary_with_its_licence()
    {
        using var licence = new StreamReader(typeof(ClipTokenizer).Assembly.GetManifestResourceStream("clip-merges.LICENSE.txt")!);
        Assert.Contains("MIT License", licence.ReadToEnd());
    }

    private static MemoryStream Merges(ClipTokenizer tokenizer)
    {
        var stream = new MemoryStream();
        tokenizer.WriteMerges(stream);
        stream.Position = 0;
        Assert.Equal(0x1f, stream.GetBuffer()[0]);
        return stream;
    }

    private static MemoryStream Plain(string merges) => new(Encoding.UTF8.GetBytes(merges));
}
