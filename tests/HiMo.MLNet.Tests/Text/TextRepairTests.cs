using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class TextRepairTests
{
    [Theory]
    [InlineData("it’s a “cat”", "it's a \"cat\"")]
    [InlineData("cafÃ©", "café")]
    [InlineData("itâ€™s", "it's")] // UTF-8 read as Windows-1252, then a curly quote.
    [InlineData("Ã la carte", "à la carte")] // A no-break space that had become a space.
    [InlineData("like thisâ€\uFFFD", "like this\uFFFD")] // A byte that was lost.
    [InlineData("été à côté: cafÃ©", "été à côté: café")] // Only a part is wrong.
    [InlineData("\u0093quoted\u0094", "\"quoted\"")] // C1 controls.
    [InlineData("ﬁne ﬂow", "fine flow")]
    [InlineData("ＣＡＴ　ｶﾞ", "CAT ガ")]
    [InlineData("cafe\u0301", "café")]
    [InlineData("a\r\nb\rc\u2028d", "a\nb\nc\nd")]
    [InlineData("\u001B[31mred\u001B[0m \0cat\uFEFF", "red cat")]
    [InlineData("&EACUTE;t&eacute; &amp;lt; &eacute", "Été < &eacute")]
    [InlineData("Å, × and ÀÉÎ are meant so", "Å, × and ÀÉÎ are meant so")]
    public void Repairs(string text, string repaired) => Assert.Equal(repaired, new TextRepair().Line(text));

    [Fact] // Attributes cannot hold these.
    public void Replaces_halves_of_pairs() => Assert.Equal("cat \uFFFD 🐱 \uFFFD", new TextRepair().Line("cat \uDC31 \uD83D\uDC31 \uD83D"));

    [Fact]
    public void Keeps_entities_from_the_first_tag_on()
    {
        var repair = new TextRepair();
        Assert.Equal("é\n", repair.Line("&eacute;\n"));
        Assert.Equal("<b>&eacute;\n", repair.Line("<b>&eacute;\n"));
        Assert.Equal("&eacute;", repair.Line("&eacute;"));
    }

    [Fact]
    public void Sees_a_tag_in_a_plain_line()
    {
        var repair = new TextRepair();
        Assert.True(repair.IsPlain("<b>\n"));
        Assert.Equal("&eacute;'", repair.Line("&eacute;’"));
    }

    [Fact]
    public void Cuts_lines_after_a_million_characters_of_which_none_is_half_a_pair()
    {
        // The cut goes through the entity, which is left as it is; html.unescape does not know it either.
        Assert.EndsWith("x&EACUTE;é", new TextRepair().Line(new string('x', 999_996) + "&EACUTE;é"));

        // The entity ends at the cut, if pairs count once.
        Assert.EndsWith("xÉé", new TextRepair().Line("🐱🐱🐱🐱" + new string('x', 999_988) + "&EACUTE;é"));
    }

    [Fact]
    public void Decodes_entities_in_entities_while_the_text_is_short_and_at_least_64_times()
    {
        static string Nested(int levels) => "&" + string.Concat(Enumerable.Repeat("amp;", levels)) + "eacute;";
        Assert.Equal("é", new TextRepair().Line(Nested(1_000)));
        Assert.InRange(new TextRepair().Line(Nested(100_000)).Length, 2, Nested(100_000 - 64).Length);
    }

    public static TheoryData<string, string> Endless => new()
    {
        { "nested entities", "&" + string.Concat(Enumerable.Repeat("amp;", 100_000)) },
        { "marks that must be ordered", "a" + string.Concat(Enumerable.Repeat("\u0301\u0316", 100_000)) },
        { "mojibake in parts", string.Concat(Enumerable.Repeat("Ã©\u0131", 60_000)) },
        { "escapes", string.Concat(Enumerable.Repeat("\u001B[", 100_000)) },
        { "capital sigmas", "Α" + string.Concat(Enumerable.Repeat("....Σ", 40_000)) },
        { "halves of pairs", new string('\uD83D', 200_000) },
        { "line ends that are swallowed", string.Concat(Enumerable.Repeat("Ã©À\n", 50_000)) },
        { "an entity without an end", "&#" + new string('9', 200_000) },
    };

    // Each of these takes minutes or more in time that is not linear.
    [Theory]
    [MemberData(nameof(Endless), DisableDiscoveryEnumeration = true)]
    public void Takes_linear_time(string what, string text)
    {
        long[] row = new long[248];
        Assert.True(ClipTokenizer.Default.Encode(text, row) > 2, what);
    }
}
