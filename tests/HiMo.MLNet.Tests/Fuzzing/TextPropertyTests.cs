using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>What holds of the tokens and the sentences of every text.</summary>
[Properties(Arbitrary = [typeof(Texts)], MaxTest = 300)]
public sealed class TextPropertyTests
{
    private static readonly ClipTokenizer s_tokenizer = ClipTokenizer.Default;

    [Property]
    public bool Ids_are_in_the_vocabulary(AnyText text) => s_tokenizer.Encode(text.Value).All(id => id >= 0 && id < s_tokenizer.VocabularySize);

    [Property]
    public bool Equal_texts_have_equal_ids(AnyText text) =>
        s_tokenizer.Encode(text.Value).SequenceEqual(s_tokenizer.Encode(new string(text.Value.AsSpan())));

    [Property]
    public bool A_shorter_row_is_the_beginning_of_a_longer_one(AnyText text, PositiveInt room)
    {
        IReadOnlyList<int> ids = s_tokenizer.Encode(text.Value);
        long[] row = new long[1 + (room.Get % 100) + 1];
        int used = s_tokenizer.Encode(text.Value, row);

        int kept = Math.Min(ids.Count, row.Length - 2);
        return used == kept + 2
            && row[0] == s_tokenizer.StartToken
            && row[1..(kept + 1)].SequenceEqual(ids.Take(kept).Select(id => (long)id))
            && row[kept + 1] == s_tokenizer.EndToken
            && row.Skip(used).All(id => id == 0);
    }

    [Property]
    public bool White_space_at_the_ends_adds_no_token(AnyText text) => s_tokenizer.Encode(text.Value).SequenceEqual(s_tokenizer.Encode($" \t{text.Value}\n "));

    [Property]
    public bool Sentences_lose_nothing_but_white_space(AnyText text)
    {
        string[] sentences = Sentences.Split(text.Value);
        return Solid(string.Concat(sentences)) == Solid(text.Value) && sentences.All(sentence => sentence.Length > 0 && sentence == sentence.Trim());

        static string Solid(string text) => new([.. text.Where(c => !char.IsWhiteSpace(c))]);
    }

    /// <summary>A text of any UTF-16 units, halves of surrogate pairs among them.</summary>
    public sealed record AnyText(string Value)
    {
        // As escapes, since half a pair cannot be printed.
        public override string ToString() => string.Concat(Value.Select(c => c is >= ' ' and <= '~' ? $"{c}" : $"\\u{(int)c:x4}"));
    }

    public static class Texts
    {
        private static readonly Gen<string> s_piece = Gen.OneOf(
            Gen.Choose(0, char.MaxValue).Select(unit => $"{(char)unit}"),
            Gen.Choose(' ', '~').Select(unit => $"{(char)unit}"),
            Gen.Elements(
                " ", ". ", "! ", "?\" ", "Mr. ", "e.g. ", "no. 5 ", "\n\n", "\u00a0", "a cat", "İSTANBUL", "ΟΔΟΣ", "🙂", "\ud83d", "\ude42", "e\u0301", "'ll",
                "&amp;", "&#38;lt;", "&#xd800;", "<|endoftext|>", "</w>", "٣½Ⅷ", "\uFEFF", "\0"));

        public static Arbitrary<AnyText> AnyText() => s_piece.ListOf().Select(pieces => new AnyText(string.Concat(pieces))).ToArbitrary();
    }
}
