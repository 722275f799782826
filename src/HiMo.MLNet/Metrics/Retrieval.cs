using System.Numerics;

namespace HiMo.MLNet.Metrics;

/// <summary>
/// Image–text retrieval without ever holding the similarity matrix: a first pass finds each query's best right answer, a
/// second goes over the matrix in blocks and only counts what is above or level with it.
/// </summary>
internal static class Retrieval
{
    // The texts of a block stay in a core's cache while the images of the block pass by; the more images pass, the fewer times all
    // texts are read from memory.
    private const int MostImagesPerBlock = 256, FewestImagesPerBlock = 16;
    private const int TextsPerBlock = 66;                                     // a multiple of the columns that are computed at once

    /// <param name="images">Normalised image embeddings.</param>
    /// <param name="texts">Normalised caption embeddings, of the same dimension.</param>
    /// <param name="imageOfText">For every caption the row of its image; several captions may share one.</param>
    public static RetrievalMetrics Evaluate(EmbeddingMatrix images, EmbeddingMatrix texts, ReadOnlySpan<int> imageOfText)
    {
        (QueryRanks imageRanks, QueryRanks textRanks) = Rank(images, texts, imageOfText);
        return Recalls(imageRanks, textRanks);
    }

    /// <summary>Where the best right answer of every image and of every caption stands.</summary>
    /// <inheritdoc cref="Evaluate"/>
    public static (QueryRanks Images, QueryRanks Texts) Rank(EmbeddingMatrix images, EmbeddingMatrix texts, ReadOnlySpan<int> imageOfText)
    {
        Check(images, texts, imageOfText);

        var imageTally = new Tally(images.Count);
        var textTally = new Tally(texts.Count);
        int[] rightTied = FindBest(images, texts, imageOfText, imageTally.Best, textTally.Best);
        Count(images, texts, imageTally, textTally);

        // The counts so far include the right answers themselves. None is above the best right answer.
        int[] one = new int[texts.Count];
        Array.Fill(one, 1);
        return (Ranks(imageTally, rightTied), Ranks(textTally, one));

        static QueryRanks Ranks(Tally tally, int[] right)
        {
            for (int i = 0; i < right.Length; i++)
            {
                tally.Equal[i] -= right[i];
            }

            return new QueryRanks(tally.Best, tally.Greater, tally.Equal, right);
        }
    }

    public static RetrievalMetrics Recalls(QueryRanks images, QueryRanks texts) => new()
    {
        ImageToTextRecallAt1 = images.RecallAt(1),
        ImageToTextRecallAt5 = images.RecallAt(5),
        ImageToTextRecallAt10 = images.RecallAt(10),
        TextToImageRecallAt1 = texts.RecallAt(1),
        TextToImageRecallAt5 = texts.RecallAt(5),
        TextToImageRecallAt10 = texts.RecallAt(10),
        ImageCount = images.Count,
        TextCount = texts.Count,
        ImageQueryCount = images.QueryCount,
    };

    private static void Check(EmbeddingMatrix images, EmbeddingMatrix texts, ReadOnlySpan<int> imageOfText)
    {
        images.ThrowIfNotNormalized(nameof(images));
        texts.ThrowIfNotNormalized(nameof(texts));
        if (images.Dimension != texts.Dimension)
        {
            throw new ArgumentException($"Expected texts of dimension {images.Dimension}, as the images have, found {texts.Dimension}.",
                nameof(texts));
        }

        if (imageOfText.Length != texts.Count)
        {
            throw new ArgumentException($"Expected the image of each of {texts.Count} texts, found {imageOfText.Length} entries.",
                nameof(imageOfText));
        }

        for (int text = 0; text < imageOfText.Length; text++)
        {
            if ((uint)imageOfText[text] >= (uint)images.Count)
            {
                throw new ArgumentException($"Text {text}: expected an image from 0 to {images.Count - 1}, found {imageOfText[text]}.",
                    nameof(imageOfText));
            }
        }
    }

    /// <summary>Fills the best right similarity of each query; returns for each image how many of its captions reach it.</summary>
    private static int[] FindBest(
        EmbeddingMatrix images, EmbeddingMatrix texts, ReadOnlySpan<int> imageOfText, float[] imageBest, float[] textBest)
    {
        int[] reaching = new int[images.Count];
        Array.Fill(imageBest, float.NegativeInfinity);
        for (int text = 0; text < texts.Count; text++)
        {
            int image = imageOfText[text];
            float similarity = SimilarityBlock.Dot(images.Row(image), texts.Row(text));
            textBest[text] = similarity;
            if (similarity > imageBest[image])
            {
                imageBest[image] = similarity;
                reaching[image] = 1;
            }
            else if (similarity == imageBest[image])
            {
                reaching[image]++;
            }
        }

        return reaching;
    }

    /// <summary>Workers take blocks of images in turn. All they add up are whole numbers, so the order does not matter.</summary>
    private static void Count(EmbeddingMatrix images, EmbeddingMatrix texts, Tally imageTally, Tally textTally)
    {
        int perBlock = Math.Clamp(images.Count / (4 * Environment.ProcessorCount), FewestImagesPerBlock, MostImagesPerBlock);
        int blocks = (images.Count + perBlock - 1) / perBlock;
        int workers = Math.Clamp(blocks, 1, Environment.ProcessorCount);
        int nextBlock = -1;
        ParallelLoop.For(workers, _ =>
        {
            float[] similarities = new float[perBlock * TextsPerBlock];
            Tally ownTexts = textTally.WithOwnCounts();
            for (int block; (block = Interlocked.Increment(ref nextBlock)) < blocks;)
            {
                int firstImage = block * perBlock;
                int imageCount = Math.Min(perBlock, images.Count - firstImage);
                for (int firstText = 0; firstText < texts.Count; firstText += TextsPerBlock)
                {
                    int textCount = Math.Min(TextsPerBlock, texts.Count - firstText);
                    SimilarityBlock.Compute(images, firstImage, imageCount, texts, firstText, textCount, similarities);
                    for (int row = 0; row < imageCount; row++)
                    {
                        CountRow(similarities.AsSpan(row * textCount, textCount), imageTally, firstImage + row, ownTexts, firstText);
                    }
                }
            }

            lock (textTally)
            {
                textTally.Add(ownTexts);
            }
        });
    }

    /// <summary>Counts one image's similarities to consecutive texts, for the image and for each text.</summary>
    private static void CountRow(ReadOnlySpan<float> similarities, Tally images, int image, Tally texts, int firstText)
    {
        int count = similarities.Length;
        ReadOnlySpan<float> textBest = texts.Best.AsSpan(firstText, count);
        Span<int> textGreater = texts.Greater.AsSpan(firstText, count);
        Span<int> textEqual = texts.Equal.AsSpan(firstText, count);
        float imageBest = images.Best[image];

        // A comparison that holds is -1 in its lane.
        Vector<float> best = new(imageBest);
        Vector<int> greater = default, equal = default;
        int i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            Vector<float> similarity = new(similarities[i..]);
            greater -= Vector.GreaterThan(similarity, best);
            equal -= Vector.Equals(similarity, best);
            Vector<float> ofText = new(textBest[i..]);
            (new Vector<int>(textGreater[i..]) - Vector.GreaterThan(similarity, ofText)).CopyTo(textGreater[i..]);
            (new Vector<int>(textEqual[i..]) - Vector.Equals(similarity, ofText)).CopyTo(textEqual[i..]);
        }

        int imageGreater = Vector.Sum(greater), imageEqual = Vector.Sum(equal);
        for (; i < count; i++)
        {
            imageGreater += similarities[i] > imageBest ? 1 : 0;
            imageEqual += similarities[i] == imageBest ? 1 : 0;
            textGreater[i] += similarities[i] > textBest[i] ? 1 : 0;
            textEqual[i] += similarities[i] == textBest[i] ? 1 : 0;
        }

        images.Greater[image] += imageGreater;
        images.Equal[image] += imageEqual;
    }

    /// <summary>For each query its best right similarity and how many candidates are above and level with it.</summary>
    private sealed record Tally(float[] Best, int[] Greater, int[] Equal)
    {
        public Tally(int queries)
            : this(new float[queries], new int[queries], new int[queries])
        {
        }

        public Tally WithOwnCounts() => new(Best, new int[Greater.Length], new int[Equal.Length]);

        public void Add(Tally other)
        {
            for (int i = 0; i < Greater.Length; i++)
            {
                Greater[i] += other.Greater[i];
                Equal[i] += other.Equal[i];
            }
        }
    }
}
