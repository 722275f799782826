using HiMo.MLNet.Metrics;
using HiMo.MLNet.Samples.Reproduction;

namespace HiMo.MLNet.Tests.Scenes;

/// <summary>What `himo reproduce` counts scene by scene, beside the library's own metrics and beside what a hand computes.</summary>
public sealed class MeasuresTests
{
    // Rows of length 1, from a generator that is the same everywhere; the first two are equal, so that there are ties.
    private static float[][] Embeddings(int seed)
    {
        float[][] rows = [.. Enumerable.Range(0, 40).Select(i => Enumerable.Range(0, 8).Select(j => (float)Math.Sin((seed * 997) + (i * 31) + (j * 17))).ToArray())];
        rows[1] = rows[0];
        return [.. rows.Select(row => row.Select(x => x / (float)Math.Sqrt(row.Sum(y => y * y))).ToArray())];
    }

    private static EmbeddingMatrix Matrix(float[][] rows) => new EmbeddingMatrix([.. rows.SelectMany(v => v)], 8).Normalize();

    [Fact]
    public void Recall_is_the_librarys()
    {
        float[][] images = Embeddings(1), texts = Embeddings(2);
        RetrievalMetrics library = Retrieval.Evaluate(
            Matrix(images), Matrix(texts), [.. Enumerable.Range(0, 40)]);

        Assert.Equal(library.ImageToTextRecallAt1, SceneMeasures.FoundFirst(images, texts).Average(), 1e-9);
        Assert.Equal(library.TextToImageRecallAt1, SceneMeasures.FoundFirst(texts, images).Average(), 1e-9);
    }

    [Fact]
    public void Monotonicity_is_the_librarys()
    {
        double[][] similarities = [.. Enumerable.Range(0, 50).Select(i => Enumerable.Range(0, 9 + (i % 7))
            .Select(j => (double)(float)((0.02 * j) + (0.1 * Math.Sin((i * 13) + (j * 7))))).ToArray())];
        float[][] Groups(int k) => [.. similarities.Select(s => GrowingText.Segments([.. Enumerable.Range(0, s.Length).Select(i => $"{i}")], k)
            .Select(text => (float)s[text.Split(' ').Length - 1]).ToArray())];

        Assert.Equal(SemanticMonotonicity.HiMoAt2(Groups(2)).Score, similarities.Average(s => SceneMeasures.Grows(s, 2)), 1e-9);
        Assert.Equal(SemanticMonotonicity.HiMoAt3(Groups(3)).Score, similarities.Average(s => SceneMeasures.Grows(s, 3)), 1e-9);
        Assert.Equal(SemanticMonotonicity.HiMoAtK(similarities.Select(s => s.Select(x => (float)x).ToArray()), null).Score,
            similarities.Average(SceneMeasures.Correlation), 1e-6);
    }

    [Fact]
    public void An_interval_of_two_scenes_reaches_from_one_to_the_other()
    {
        // Of the resampled means a quarter is 0, a quarter 1 and half 0.5.
        Assert.Equal(new Interval(0.5, 0, 1), Bootstrap.Of([[0, 1]]));
    }

    [Fact]
    public void An_interval_is_as_wide_as_the_normal_approximation_says()
    {
        // 400 scenes, half of them 0 and half 100: the mean's deviation is 50 / sqrt(400) = 2.5, the interval 50 ± 1.96 · 2.5.
        double[] scenes = [.. Enumerable.Range(0, 400).Select(i => i % 2 * 100.0)];
        Interval interval = Bootstrap.Of([scenes, scenes]);
        Assert.Equal(50, interval.Mean);
        Assert.Equal(45.1, interval.Low, 0.6);
        Assert.Equal(54.9, interval.High, 0.6);
    }

    [Fact]
    public void Seeds_that_differ_widen_the_interval()
    {
        // Three seeds of 0, 3 and 6 on every scene: resampled means go from 0 to 6, each end with a chance of 1 in 27.
        double[] Seed(double value) => [.. Enumerable.Repeat(value, 10)];
        Assert.Equal(new Interval(3, 0, 6), Bootstrap.Of([Seed(0), Seed(3), Seed(6)]));
    }

    [Fact]
    public void A_difference_that_is_the_same_for_every_scene_is_certain()
    {
        Interval interval = Bootstrap.OfDifference([[3, 5, 9], [4, 6, 8]], [[1, 3, 7], [2, 4, 6]]);
        Assert.Equal(new Interval(2, 2, 2), interval);
    }
}
