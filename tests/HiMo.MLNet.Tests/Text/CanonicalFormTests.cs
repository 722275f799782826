using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class CanonicalFormTests
{
    [Theory] // Examples of Unicode Standard Annex 15.
    [InlineData("\u212B", "\u00C5")] // Ångström sign
    [InlineData("\u2126", "\u03A9")]
    [InlineData("A\u030A", "\u00C5")]
    [InlineData("s\u0323\u0307", "\u1E69")]
    [InlineData("s\u0307\u0323", "\u1E69")]
    [InlineData("\u1E0B\u0323", "\u1E0D\u0307")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u0958", "\u0915\u093C")] // Excluded from composition.
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\uAC00\u11A7", "\uAC00\u11A7")] // The base of the tails is none.
    [InlineData("\U0002F800", "\u4E3D")]
    [InlineData("e\u0301\u0301", "\u00E9\u0301")]
    [InlineData("\u0301e", "\u0301e")]
    public void Composes(string text, string composed) => Assert.Equal(composed, CanonicalForm.Compose(text));

    [Theory]
    [InlineData("a plain caption")]
    [InlineData("déjà vu – “quoted” 猫 고양이 🐱")]
    [InlineData("\uFFFE\uFFFF\uFDD0")] // string.Normalize throws on these.
    public void Keeps_what_is_composed(string text) => Assert.Same(text, CanonicalForm.Compose(text));
}
