using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class CaptionSamplerTests
{
    private const string Caption = "One cat. Two  dogs! Three birds?";

    [Fact]
    public void Whole_keeps_the_caption_as_it_is() =>
        Assert.Equal(Caption, CaptionSampler.Sample(Caption, CaptionSampling.Whole, new Random(1)));

    [Fact]
    public void First_sentence_stops_after_it() =>
        Assert.Equal("One cat.", CaptionSampler.Sample(Caption, CaptionSampling.FirstSentence, new Random(1)));

    [Theory]
    [InlineData("A cat sits. It sleeps.", "A cat sits")]                      // caption.split(". ")[0] in Python
    [InlineData("A cat sits.", "A cat sits.")]
    [InlineData("Mr. Smith reads. He smiles.", "Mr")]
    [InlineData("Stop! A cat.", "Stop! A cat.")]
    [InlineData("v1.5 of it. More.", "v1.5 of it")]
    [InlineData(". A cat.", "")]
    public void Up_to_the_first_period_is_as_Long_CLIPs_code_cuts(string caption, string expected) =>
        Assert.Equal(expected, CaptionSampler.Sample(caption, CaptionSampling.UpToFirstPeriod, new Random(1)));

    [Fact]
    public void Sentence_subset_draws_every_non_empty_subset_in_order_with_equal_chance()
    {
        var random = new Random(1);
        var counts = Enumerable.Range(0, 7_000)
            .Select(_ => CaptionSampler.Sample(Caption, CaptionSampling.SentenceSubset, random))
            .CountBy(text => text).ToDictionary();
        string[] subsets =
        [
            "One cat.", "One cat. Three birds?", "One cat. Two  dogs!", "One cat. Two  dogs! Three birds?",
            "Three birds?", "Two  dogs!", "Two  dogs! Three birds?",
        ];
        Assert.Equal(subsets, counts.Keys.Order(StringComparer.Ordinal));
        Assert.All(counts.Values, count => Assert.InRange(count, 880, 1_120)); // 1,000 ± 4 standard deviations.
    }

    [Fact]
    public void Mixed_draws_the_three_ways_with_equal_chance()
    {
        // Of two sentences with an odd space between: whole keeps it, a full subset does not.
        const string caption = "One cat.  Two dogs.";
        var random = new Random(2);
        var counts = Enumerable.Range(0, 9_000)
            .Select(_ => CaptionSampler.Sample(caption, CaptionSampling.Mixed, random))
            .CountBy(text => text).ToDictionary();
        Assert.InRange(counts[caption], 2_820, 3_180); // 1/3
        Assert.InRange(counts["One cat."], 3_810, 4_190); // 1/3 + 1/9
        Assert.InRange(counts["Two dogs."], 880, 1_120); // 1/9
        Assert.InRange(counts["One cat. Two dogs."], 880, 1_120); // 1/9
    }

    [Fact]
    public void The_same_seed_draws_the_same() =>
        Assert.Equal(Draw(new Random(7)), Draw(new Random(7)));

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    public void A_caption_without_sentences_comes_back(string caption) =>
        Assert.All(Enum.GetValues<CaptionSampling>(), mode => Assert.Equal(caption, CaptionSampler.Sample(caption, mode, new Random(1))));

    [Fact]
    public void An_unknown_mode_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => CaptionSampler.Sample(Caption, (CaptionSampling)9, new Random(1)));

    private static string[] Draw(Random random) =>
        [.. Enumerable.Range(0, 50).Select(_ => CaptionSampler.Sample(Caption, CaptionSampling.Mixed, random))];
}
