using System.Numerics.Tensors;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Evaluation;

/// <summary>Zero-shot classification by the nearest class embedding.</summary>
internal static class ZeroShotClassification
{
    private const int ImagesPerBlock = 64;

    /// <summary>A class embedding is the normalised mean of its normalised template embeddings.</summary>
    /// <param name="templateTexts">Normalised embeddings, <paramref name="templatesPerClass"/> consecutive ones a class.</param>
    /// <param name="templatesPerClass">The number of templates.</param>
    public static EmbeddingMatrix ClassEmbeddings(EmbeddingMatrix templateTexts, int templatesPerClass)
    {
        templateTexts.ThrowIfNotNormalized(nameof(templateTexts));
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(templatesPerClass);
        (int classes, int left) = Math.DivRem(templateTexts.Count, templatesPerClass);
        if (left != 0)
        {
            throw new ArgumentException($"Expected {templatesPerClass} texts a class, found {templateTexts.Count} texts.",
                nameof(templateTexts));
        }

        int dimension = templateTexts.Dimension;
        float[] means = new float[classes * dimension];
        for (int i = 0; i < classes; i++)
        {
            ZeroShotHead.Mean(templateTexts.Rows(i * templatesPerClass, templatesPerClass), means.AsSpan(i * dimension, dimension));
        }

        return new EmbeddingMatrix(means, dimension).Normalize();
    }

    /// <param name="images">Normalised image embeddings.</param>
    /// <param name="classes">Normalised class embeddings, of the same dimension.</param>
    /// <param name="labels">For every image the row of its class.</param>
    /// <param name="names">The names of the classes.</param>
    public static ZeroShotMetrics Evaluate(
        EmbeddingMatrix images, EmbeddingMatrix classes, ReadOnlySpan<int> labels, IReadOnlyList<string> names)
    {
        Check(images, classes, labels, names);

        double top1 = 0, top5 = 0;
        int[] counts = new int[classes.Count];
        double[] hits = new double[classes.Count];
        double[] given = new double[classes.Count];
        float[] block = new float[ImagesPerBlock * classes.Count];
        for (int first = 0; first < images.Count; first += ImagesPerBlock)
        {
            int count = Math.Min(ImagesPerBlock, images.Count - first);
            SimilarityBlock.Compute(images, first, count, classes, 0, classes.Count, block);
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<float> similarities = block.AsSpan(i * classes.Count, classes.Count);
                int label = labels[first + i];
                (int better, int tied) = Rank(similarities, label);
                double hit = TiedRank.HitProbability(1, better, tied);
                top1 += hit;
                top5 += TiedRank.HitProbability(5, better, tied);
                counts[label]++;
                hits[label] += hit;
                ShareFirstPlace(similarities, given);
            }
        }

        return new ZeroShotMetrics
        {
            Top1Accuracy = 100 * top1 / images.Count,
            Top5Accuracy = 100 * top5 / images.Count,
            ImageCount = images.Count,
            PerClass = [.. names.Select((name, c) =>
                new ZeroShotClassMetrics(name, counts[c], 100 * hits[c] / counts[c], 100 * hits[c] / given[c]))],
        };
    }

    private static void Check(EmbeddingMatrix images, EmbeddingMatrix classes, ReadOnlySpan<int> labels, IReadOnlyList<string> names)
    {
        images.ThrowIfNotNormalized(nameof(images));
        classes.ThrowIfNotNormalized(nameof(classes));
        if (images.Dimension != classes.Dimension)
        {
            throw new ArgumentException($"Expected classes of dimension {images.Dimension}, as the images have, found {classes.Dimension}.",
                nameof(classes));
        }

        if (names.Count != classes.Count)
        {
            throw new ArgumentException($"Expected the names of {classes.Count} classes, found {names.Count}.", nameof(names));
        }

        if (labels.Length != images.Count)
        {
            throw new ArgumentException($"Expected the class of each of {images.Count} images, found {labels.Length} labels.",
                nameof(labels));
        }

        for (int image = 0; image < labels.Length; image++)
        {
            if ((uint)labels[image] >= (uint)classes.Count)
            {
                throw new ArgumentException($"Image {image}: expected a class from 0 to {classes.Count - 1}, found {labels[image]}.",
                    nameof(labels));
            }
        }
    }

    private static (int Better, int Tied) Rank(ReadOnlySpan<float> similarities, int label)
    {
        float own = similarities[label];
        int better = 0, level = 0;
        foreach (float similarity in similarities)
        {
            better += similarity > own ? 1 : 0;
            level += similarity == own ? 1 : 0;
        }

        return (better, level - 1);
    }

    private static void ShareFirstPlace(ReadOnlySpan<float> similarities, double[] given)
    {
        float best = TensorPrimitives.Max(similarities);
        double share = 1.0 / similarities.Count(best);
        for (int c = 0; c < similarities.Length; c++)
        {
            if (similarities[c] == best)
            {
                given[c] += share;
            }
        }
    }
}
