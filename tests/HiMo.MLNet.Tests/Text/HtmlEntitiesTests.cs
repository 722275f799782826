using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class HtmlEntitiesTests
{
    [Theory]
    [InlineData("&amp;amp;", "&amp;")]
    [InlineData("&notit; &notin;", "¬it; ∉")] // The longest name that is known.
    [InlineData("&copy2024 &COPY &Copy;", "©2024 © &Copy;")]
    [InlineData("&CounterClockwiseContourIntegral;", "∳")]
    [InlineData("&#150;&#x96;&#128;&#129;", "––€\u0081")] // Windows-1252.
    [InlineData("&#0;&#xD800;&#x110000;&#99999999999;", "\uFFFD\uFFFD\uFFFD\uFFFD")]
    [InlineData("a&#1;&#x7F;&#xFFFE;&#x1FFFF;&#xFDD0;b", "ab")]
    [InlineData("&#65a &#x41g &#X41", "Aa Ag A")]
    [InlineData("&#13;", "\r")]
    [InlineData("& && &; &# &#x; &#; &unknown; &ampé", "& && &; &# &#x; &#; &unknown; &é")]
    [InlineData("&EACUTE;", "&EACUTE;")]
    public void Unescapes_as_Python_does(string text, string unescaped) => Assert.Equal(unescaped, HtmlEntities.Unescape(text));

    [Fact]
    public void Reads_numbers_of_any_length() => // Python ends with an error after 4,300 digits.
        Assert.Equal("\uFFFD a", HtmlEntities.Unescape($"&#{new string('9', 5_000)}; &#{new string('0', 5_000)}97;"));

    [Theory]
    [InlineData("&eacute; &EACUTE; &SZLIG; &eACUTE;", "é É SS &eACUTE;")]
    [InlineData("&eacute &notit; this&not that", "&eacute &notit; this&not that")]
    [InlineData("&#39; &#x27; &#39 &#59; &#39x;", "' ' &#39 &#59; &#39x;")]
    [InlineData("&CounterClockwiseContourIntegral;", "&CounterClockwiseContourIntegral;")] // More than 24 letters.
    public void Unescapes_what_is_unambiguous(string text, string unescaped) =>
        Assert.Equal(unescaped, HtmlEntities.UnescapeUnambiguous(text));
}
