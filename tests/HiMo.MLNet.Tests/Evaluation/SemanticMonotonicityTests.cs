using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class SemanticMonotonicityTests
{
    [Fact]
    public void The_remainder_of_the_sentences_goes_to_the_last_groups()
    {
        Assert.Equal(["A.", "A. B. C.", "A. B. C. D. E."], GrowingText.Segments(["A.", "B.", "C.", "D.", "E."], 3));
        Assert.Equal(["A.", "A. B.", "A. B. C. D."], GrowingText.Segments(["A.", "B.", "C.", "D."], 3));
        Assert.Equal(["A. B.", "A. B. C. D. E."], GrowingText.Segments(["A.", "B.", "C.", "D.", "E."], 2));
        Assert.Equal(["A.", "A. B."], GrowingText.Segments(["A.", "B."], 2));
    }

    [Fact]
    public void Too_few_sentences_give_no_texts() => Assert.Empty(GrowingText.Segments(["A.", "B."], 3));

    [Fact]
    public void HiMo_at_2_is_the_share_of_captions_that_gain()
    {
        MonotonicityMetrics metrics = SemanticMonotonicity.HiMoAt2([[0.1f, 0.2f], [0.3f, 0.2f], [-0.2f, -0.1f], [0.2f, 0.2f], []]);

        Assert.Equal(50, metrics.Score);
        Assert.Equal((4, 1), (metrics.ScoredCount, metrics.TooShortCount));
        Assert.Equal(2, metrics.K);
    }

    [Fact]
    public void HiMo_at_3_wants_every_step_to_gain()
    {
        MonotonicityMetrics metrics = SemanticMonotonicity.HiMoAt3([[1, 2, 3], [1, 3, 2], [2, 1, 3], [1, 2, 2], [3]]);

        Assert.Equal(25, metrics.Score);
        Assert.Equal((4, 1), (metrics.ScoredCount, metrics.TooShortCount));
    }

    [Fact]
    public void HiMo_at_K_is_the_mean_Pearson_correlation()
    {
        // (1,2,3,4) with (1,2,3,4): 1. With (4,3,2,1): -1. With (1,3,2,4): 0.8. With (1,0,0,1): 0.
        Assert.Equal(1, Score([[1, 2, 3, 4]]), 1e-12);
        Assert.Equal(-1, Score([[4, 3, 2, 1]]), 1e-12);
        Assert.Equal(0.8, Score([[1, 3, 2, 4]]), 1e-12);
        Assert.Equal(0, Score([[1, 0, 0, 1]]), 1e-12);
        Assert.Equal(0.2, Score([[1, 2, 3, 4], [4, 3, 2, 1], [1, 3, 2, 4], [1, 0, 0, 1]]), 1e-12);

        static double Score(float[][] similarities) => SemanticMonotonicity.HiMoAtK(similarities, 4).Score;
    }

    [Fact]
    public void Small_similarities_close_together_keep_their_correlation()
    {
        // Steps of one unit in the last place.
        float s = 0.25f;
        Assert.Equal(1, SemanticMonotonicity.HiMoAtK([[s, MathF.BitIncrement(s), MathF.BitIncrement(MathF.BitIncrement(s))]], 3).Score, 1e-12);
    }

    [Theory]
    [InlineData(0.3f)]
    [InlineData(0.1f)]
    [InlineData(-0.7f)]
    public void Equal_similarities_count_zero_whatever_their_value(float similarity)
    {
        for (int k = 2; k < 12; k++)
        {
            Assert.Equal(0, SemanticMonotonicity.HiMoAtK([Enumerable.Repeat(similarity, k).ToArray()], k).Score);
        }
    }

    [Fact]
    public void Captions_may_bring_their_own_number_of_segments()
    {
        MonotonicityMetrics metrics = SemanticMonotonicity.HiMoAtK([[1, 2], [1, 2, 3, 4, 5], [0.5f], []], null);

        Assert.Equal(2.0 / 3, metrics.Score, 1e-12);
        Assert.Equal((3, 1), (metrics.ScoredCount, metrics.TooShortCount));
        Assert.Null(metrics.K);
    }

    [Fact]
    public void Nothing_to_score_is_not_a_number()
    {
        MonotonicityMetrics metrics = SemanticMonotonicity.HiMoAt2([[], [1f]]);

        Assert.Equal(double.NaN, metrics.Score);
        Assert.Equal(2, metrics.TooShortCount);
    }

    [Fact]
    public void Names_the_caption_that_does_not_fit()
    {
        Assert.Contains("Caption 1", Assert.Throws<ArgumentException>(() => SemanticMonotonicity.HiMoAt2([[1, 2], [1, 2, 3]])).Message);
        Assert.Contains("Caption 1", Assert.Throws<ArgumentException>(() => SemanticMonotonicity.HiMoAtK([[1, 2], [1, float.NaN]], 2)).Message);
        // Those that are too short count, too.
        Assert.Contains("Caption 2", Assert.Throws<ArgumentException>(() => SemanticMonotonicity.HiMoAt2([[1, 2], [1], [1, 2, 3]])).Message);
    }
}
