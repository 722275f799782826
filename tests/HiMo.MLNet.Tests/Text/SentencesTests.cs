using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class SentencesTests
{
    [Theory]
    [InlineData("A cat. It sits! Does it? yes", "A cat.|It sits!|Does it?|yes")]
    [InlineData("  A cat.\n\nIt sits.  ", "A cat.|It sits.")]
    [InlineData("no punctuation at all", "no punctuation at all")]
    [InlineData("", "")]
    [InlineData(" \t", "")]
    [InlineData("a cat. it sits.", "a cat.|it sits.")]
    [InlineData("It is 3.5 m long. It weighs .5 kg.", "It is 3.5 m long.|It weighs .5 kg.")]
    [InlineData("Mr. Smith and Dr. Who, e.g. Tom. They wave.", "Mr. Smith and Dr. Who, e.g. Tom.|They wave.")]
    [InlineData("Cats, dogs etc. on a mat. Cats, dogs etc. They sit.", "Cats, dogs etc. on a mat.|Cats, dogs etc.|They sit.")]
    [InlineData("It is 5 p.m. in the U.S. now. It is 5 p.m. The sun sets.", "It is 5 p.m. in the U.S. now.|It is 5 p.m.|The sun sets.")]
    [InlineData("Platform No. 5 is empty. Is it? No. 5 is not.", "Platform No. 5 is empty.|Is it?|No. 5 is not.")]
    [InlineData("It says \"STOP!\" A car stops. (It is red.) Wait... What?! Oh.", "It says \"STOP!\"|A car stops.|(It is red.)|Wait...|What?!|Oh.")]
    [InlineData("It says 'No.' Then it ends", "It says 'No.'|Then it ends")]
    [InlineData("See www.example.com/a.b?c=d for v1.2.", "See www.example.com/a.b?c=d for v1.2.")]
    [InlineData("A sign with the letter A. A tree.", "A sign with the letter A.|A tree.")]
    [InlineData("... !", "...|!")]
    public void Splits_after_closing_punctuation(string caption, string sentences) =>
        Assert.Equal(sentences.Split('|', StringSplitOptions.RemoveEmptyEntries), Sentences.Split(caption));

    [Fact]
    public void Splits_a_very_long_caption() =>
        Assert.Equal(10_000, Sentences.Split(string.Concat(Enumerable.Repeat("A cat sits. ", 10_000))).Length);

    [Fact]
    public void Does_not_slow_down_on_a_run_of_points() =>
        Assert.Single(Sentences.Split(new string('.', 100_000)));
}
