using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class RetrievalTests
{
    [Fact]
    public void Perfect_embeddings_score_100()
    {
        EmbeddingMatrix embeddings = SimilarityBlockTests.RandomEmbeddings(200, 16, 1);

        RetrievalMetrics metrics = Retrieval.Evaluate(embeddings, embeddings, [.. Enumerable.Range(0, 200)]);

        Assert.Equal(100, metrics.ImageToTextRecallAt1);
        Assert.Equal(100, metrics.TextToImageRecallAt1);
        Assert.Equal((200, 200, 200), (metrics.ImageCount, metrics.TextCount, metrics.ImageQueryCount));
    }

    [Fact]
    public void Ranks_a_case_worked_out_by_hand()
    {
        // Cosines:      text 0   text 1   text 2   text 3
        // image 0 (1,0)   1       0.8      0.6      0       captions 0 and 3
        // image 1 (0,1)   0       0.6      0.8      1       captions 1 and 2
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 0, 1], 2).Normalize();
        EmbeddingMatrix texts = new EmbeddingMatrix([1, 0, 0.8f, 0.6f, 0.6f, 0.8f, 0, 1], 2).Normalize();

        RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, [0, 1, 1, 0]);

        // Image 0 finds its text 0 first, image 1 finds text 3, not its own. Texts 0 and 2 prefer their image, 1 and 3 do not.
        Assert.Equal(50, metrics.ImageToTextRecallAt1);
        Assert.Equal(100, metrics.ImageToTextRecallAt5);
        Assert.Equal(50, metrics.TextToImageRecallAt1);
        Assert.Equal(100, metrics.TextToImageRecallAt5);
    }

    [Fact]
    public void A_rank_counts_what_is_better_and_wrong_ties_and_is_none_without_a_right_answer()
    {
        // Cosines:      text 0   text 1   text 2   text 3
        // image 0 (1,0)   0.8      1        0.8      0       caption 0: behind text 1, and level with text 2
        // image 1 (0,1)   0.6      0        0.6      1       captions 1, 2 and 3: the last is the best
        // image 2 (1,0)                                      none
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 0, 1, 1, 0], 2).Normalize();
        EmbeddingMatrix texts = new EmbeddingMatrix([0.8f, 0.6f, 1, 0, 0.8f, 0.6f, 0, 1], 2).Normalize();

        (QueryRanks imageRanks, QueryRanks _) = Retrieval.Rank(images, texts, [0, 1, 1, 1]);

        Assert.Equal([3, 1, null], Enumerable.Range(0, 3).Select(imageRanks.Rank));
    }

    [Fact]
    public void Recall_at_5_and_10_look_at_five_and_ten_places()
    {
        // Text i points at i degrees and all images at 0, so that text i is in place i + 1.
        const int Texts = 20;
        float[] directions = [.. Enumerable.Range(0, Texts).SelectMany(i => new[] { MathF.Cos(i * MathF.PI / 180), MathF.Sin(i * MathF.PI / 180) })];
        EmbeddingMatrix texts = new EmbeddingMatrix(directions, 2).Normalize();
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 1, 0, 1, 0, 1, 0], 2).Normalize();
        int[] imageOfText = Enumerable.Repeat(0, Texts).ToArray();
        (imageOfText[4], imageOfText[5], imageOfText[10]) = (1, 2, 3);

        RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, imageOfText);

        Assert.Equal(25, metrics.ImageToTextRecallAt1); // image 0 alone
        Assert.Equal(50, metrics.ImageToTextRecallAt5); // and image 1, whose text is in place 5
        Assert.Equal(75, metrics.ImageToTextRecallAt10); // and image 2, in place 6, but not image 3, in place 11
    }

    [Theory]
    [InlineData(3)]
    [InlineData(37)]
    public void A_constant_embedding_scores_chance(int dimension)
    {
        const int Images = 150, CaptionsEach = 5, Texts = Images * CaptionsEach;
        float[] constant = SimilarityBlockTests.RandomEmbeddings(1, dimension, 5).Row(0).ToArray();
        EmbeddingMatrix images = new EmbeddingMatrix([.. Enumerable.Repeat(constant, Images).SelectMany(v => v)], dimension).Normalize();
        EmbeddingMatrix texts = new EmbeddingMatrix([.. Enumerable.Repeat(constant, Texts).SelectMany(v => v)], dimension).Normalize();

        RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, [.. Enumerable.Range(0, Texts).Select(t => t / CaptionsEach)]);

        Assert.Equal(100.0 / Images, metrics.TextToImageRecallAt1, 1e-9);
        Assert.Equal(500.0 / Images, metrics.TextToImageRecallAt5, 1e-9);
        Assert.Equal(1000.0 / Images, metrics.TextToImageRecallAt10, 1e-9);
        Assert.Equal(100.0 * CaptionsEach / Texts, metrics.ImageToTextRecallAt1, 1e-9);

        // None of 5 draws without replacement from 750 is one of the 5 right ones: (745 · 744 · 743 · 742 · 741) / (750 · … · 746).
        double miss = 745.0 * 744 * 743 * 742 * 741 / (750.0 * 749 * 748 * 747 * 746);
        Assert.Equal(100 * (1 - miss), metrics.ImageToTextRecallAt5, 1e-9);
    }

    [Fact]
    public void Embeddings_of_zeros_score_chance()
    {
        EmbeddingMatrix zeros = new EmbeddingMatrix(new float[40], 2).Normalize();

        RetrievalMetrics metrics = Retrieval.Evaluate(zeros, zeros, [.. Enumerable.Range(0, 20)]);

        Assert.Equal(5, metrics.ImageToTextRecallAt1, 1e-9);
        Assert.Equal(25, metrics.TextToImageRecallAt5, 1e-9);
    }

    [Fact]
    public void Equals_the_mean_over_all_orders_of_ties()
    {
        // Corners of a cube scaled to ±½ have only five different inner products: ties everywhere, without rounding.
        Random random = new(7);
        for (int trial = 0; trial < 60; trial++)
        {
            EmbeddingMatrix images = Corners(random, random.Next(2, 8)), texts = Corners(random, random.Next(2, 8));
            int[] imageOfText = [.. Enumerable.Range(0, texts.Count).Select(_ => random.Next(images.Count))];

            RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, imageOfText);

            int[] queries = [.. imageOfText.Distinct()];
            Assert.Equal(queries.Length, metrics.ImageQueryCount);
            foreach ((int k, double imageToText, double textToImage) in new[]
            {
                (1, metrics.ImageToTextRecallAt1, metrics.TextToImageRecallAt1),
                (5, metrics.ImageToTextRecallAt5, metrics.TextToImageRecallAt5),
            })
            {
                double expectedImageToText = queries.Average(image => MeanHit(images.Row(image).ToArray(), texts, text => imageOfText[text] == image, k));
                double expectedTextToImage = Enumerable.Range(0, texts.Count).Average(text => MeanHit(texts.Row(text).ToArray(), images, image => imageOfText[text] == image, k));
                Assert.Equal(100 * expectedImageToText, imageToText, 1e-9);
                Assert.Equal(100 * expectedTextToImage, textToImage, 1e-9);
            }
        }
    }

    [Fact]
    public void Equals_a_full_sort_on_more_rows_than_fit_in_a_block()
    {
        const int Images = 203, Texts = 611;
        EmbeddingMatrix images = SimilarityBlockTests.RandomEmbeddings(Images, 19, 1), texts = SimilarityBlockTests.RandomEmbeddings(Texts, 19, 2);
        Random random = new(3);
        int[] imageOfText = [.. Enumerable.Range(0, Texts).Select(_ => random.Next(Images - 1))];

        RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, imageOfText);

        int[] queries = [.. imageOfText.Distinct()];
        double expectedImageToText = queries.Average(i => Nearest(images.Row(i).ToArray(), texts).Take(10).Any(t => imageOfText[t] == i) ? 100.0 : 0);
        double expectedTextToImage = Enumerable.Range(0, Texts).Average(t => Nearest(texts.Row(t).ToArray(), images).Take(10).Contains(imageOfText[t]) ? 100.0 : 0);
        Assert.Equal(expectedImageToText, metrics.ImageToTextRecallAt10, 1e-9);
        Assert.Equal(expectedTextToImage, metrics.TextToImageRecallAt10, 1e-9);
        Assert.Equal(metrics, Retrieval.Evaluate(images, texts, imageOfText));
    }

    [Fact]
    public void An_image_without_captions_is_only_a_candidate()
    {
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 0, 1], 2).Normalize();
        EmbeddingMatrix texts = new EmbeddingMatrix([0.6f, 0.8f], 2).Normalize();

        RetrievalMetrics metrics = Retrieval.Evaluate(images, texts, [0]);

        Assert.Equal(1, metrics.ImageQueryCount);
        Assert.Equal(100, metrics.ImageToTextRecallAt1);
        Assert.Equal(0, metrics.TextToImageRecallAt1);
    }

    [Fact]
    public void Names_what_does_not_fit()
    {
        EmbeddingMatrix images = new EmbeddingMatrix([1, 0, 0, 1], 2).Normalize();
        EmbeddingMatrix raw = new([1, 0], 2);
        EmbeddingMatrix other = new EmbeddingMatrix([1, 0, 0], 3).Normalize();

        Assert.Contains("Normalize", Assert.Throws<ArgumentException>(() => Retrieval.Evaluate(images, raw, [0])).Message);
        Assert.Contains("dimension 2", Assert.Throws<ArgumentException>(() => Retrieval.Evaluate(images, other, [0])).Message);
        Assert.Contains("found 1 entries", Assert.Throws<ArgumentException>(() => Retrieval.Evaluate(images, images, [0])).Message);
        Assert.Contains("Text 1", Assert.Throws<ArgumentException>(() => Retrieval.Evaluate(images, images, [0, 2])).Message);
    }

    private static EmbeddingMatrix Corners(Random random, int count) =>
        new EmbeddingMatrix([.. Enumerable.Range(0, count * 4).Select(_ => random.Next(2) - 0.5f)], 4).Normalize();

    /// <summary>Candidates from the nearest on, by plain sums in double precision.</summary>
    private static int[] Nearest(float[] query, EmbeddingMatrix candidates) =>
        [.. Enumerable.Range(0, candidates.Count).OrderByDescending(c => Cosine(query, candidates, c))];

    private static double Cosine(float[] query, EmbeddingMatrix candidates, int candidate)
    {
        float[] row = candidates.Row(candidate).ToArray();
        return query.Zip(row, (a, b) => (double)a * b).Sum();
    }

    /// <summary>Share of all orders of the candidates, kept where similarities are equal, with a right one in the first k.</summary>
    private static double MeanHit(float[] query, EmbeddingMatrix candidates, Func<int, bool> isRight, int k)
    {
        double[] similarities = [.. Enumerable.Range(0, candidates.Count).Select(c => Cosine(query, candidates, c))];
        int hits = 0, orders = 0;
        foreach (int[] order in Permutations([.. Enumerable.Range(0, candidates.Count)], 0))
        {
            orders++;
            hits += order.OrderByDescending(c => similarities[c]).Take(k).Any(isRight) ? 1 : 0;
        }

        return (double)hits / orders;
    }

    private static IEnumerable<int[]> Permutations(int[] items, int first)
    {
        if (first >= items.Length - 1)
        {
            yield return items;
            yield break;
        }

        for (int i = first; i < items.Length; i++)
        {
            (items[first], items[i]) = (items[i], items[first]);
            foreach (int[] permutation in Permutations(items, first + 1))
            {
                yield return permutation;
            }

            (items[first], items[i]) = (items[i], items[first]);
        }
    }
}
