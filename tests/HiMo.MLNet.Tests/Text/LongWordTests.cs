using System.Text;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class LongWordTests
{
    private static string[] Words(int length)
    {
        var random = new Random(3);
        return
        [
            new string('a', length), string.Concat(Enumerable.Repeat("ha", length / 2)), string.Concat(Enumerable.Repeat("😂", length / 2)),
            new string('é', length), new string('—', length), string.Concat(Enumerable.Repeat("supercalifragilistic", length / 20)),
            .. Enumerable.Range(0, 10).Select(_ => RandomWord(random, "etaoinshrdlucm", length)),
            .. Enumerable.Range(0, 10).Select(_ => RandomWord(random, "ab", length)),
            .. Enumerable.Range(0, 5).Select(_ => RandomWord(random, "猫犬가나éß", length)),
        ];
    }

    private static string RandomWord(Random random, string letters, int length) => new(random.GetItems(letters.AsSpan(), length));

    [Fact]
    public void Gives_the_ids_of_the_library() => Assert.All(Words(200), word =>
        Assert.Equal(ClipTokenizer.Default.Encode(word), ClipTokenizer.Default.LongWords.Encode(word, int.MaxValue)));

    [Fact]
    public void Gives_the_first_ids_of_the_whole_word_from_its_beginning() => Assert.All(Words(8_000), word =>
        Assert.Equal(
            ClipTokenizer.Default.LongWords.Encode(word, int.MaxValue).Take(20),
            ClipTokenizer.Default.LongWords.Encode(word, 20).Take(20)));

    [Fact]
    public void Gives_the_first_ids_under_any_vocabulary()
    {
        var random = new Random(7);
        for (int vocabulary = 0; vocabulary < 50; vocabulary++)
        {
            ClipTokenizer tokenizer = RandomVocabulary(random);
            string word = RandomWord(random, "abc", 3_000);
            int[] whole = tokenizer.LongWords.Encode(word, int.MaxValue);
            string beginning = word[..200];
            Assert.Equal(tokenizer.Encode(beginning), tokenizer.LongWords.Encode(beginning, int.MaxValue));
            foreach (int wanted in (int[])[1, 7, 30])
            {
                Assert.Equal(whole.Take(wanted), tokenizer.LongWords.Encode(word, wanted).Take(wanted));
            }
        }
    }

    [Fact]
    public void Reads_a_word_of_millions_no_further_than_needed()
    {
        string word = string.Concat(Enumerable.Repeat("supercalifragilistic", 200_000));
        long[] row = new long[248];
        long[] ofItsBeginning = new long[248];
        ClipTokenizer.Default.Encode(word, row);
        ClipTokenizer.Default.Encode(word[..10_000], ofItsBeginning);
        Assert.Equal(ofItsBeginning, row);
        Assert.Equal(248, ClipTokenizer.Default.LongWords.Encode(word, 248).Length);
    }

    // Merges of symbols of up to eight letters, chosen by chance; a few end a word.
    private static ClipTokenizer RandomVocabulary(Random random)
    {
        List<string> symbols = ["a", "b", "c", "a</w>", "b</w>", "c</w>"];
        var lines = new StringBuilder();
        while (symbols.Count < 30)
        {
            string left = symbols[random.Next(symbols.Count)];
            string right = symbols[random.Next(symbols.Count)];
            if (!left.EndsWith('>') && left.Length + right.Length <= 12 && !symbols.Contains(left + right))
            {
                symbols.Add(left + right);
                lines.Append(left).Append(' ').Append(right).Append('\n');
            }
        }

        return new ClipTokenizer(new MemoryStream(Encoding.UTF8.GetBytes(lines.ToString())));
    }
}
