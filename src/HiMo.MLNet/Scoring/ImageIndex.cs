using System.Numerics.Tensors;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Scoring;

/// <summary>Names and normalised embeddings of images, all of them compared with each query.</summary>
/// <param name="names">Of the images.</param>
/// <param name="blocks">Their embeddings, in blocks of <see cref="ImageIndexBuilder.BlockRows"/>; the last may be smaller.</param>
internal sealed class ImageIndex(IReadOnlyList<string> names, IReadOnlyList<EmbeddingMatrix> blocks)
{
    // As many as stay in a core's cache while all queries of a batch pass by; a multiple of the columns that are computed at once.
    private const int RowsAtATime = 66;

    public int Count => names.Count;

    public int Dimension => blocks[0].Dimension;

    public IReadOnlyList<string> Names => names;

    public IReadOnlyList<EmbeddingMatrix> Blocks => blocks;

    /// <summary>The embedding of an image.</summary>
    public ReadOnlySpan<float> Embedding(int image) =>
        blocks[image / ImageIndexBuilder.BlockRows].Row(image % ImageIndexBuilder.BlockRows);

    /// <summary>The nearest images of each query, best first; of equally near ones the first comes first.</summary>
    /// <param name="queries">Of any finite length but zero; NaN or zeros for a missing one, which gets no names and scores of NaN.</param>
    /// <param name="k">Images a query, at most <see cref="Count"/>.</param>
    /// <param name="results">Receives the names, k a query.</param>
    /// <param name="scores">Receives the cosines.</param>
    public void Search(IReadOnlyList<float[]> queries, int k, Span<ReadOnlyMemory<char>> results, Span<float> scores)
    {
        results.Clear();
        scores.Fill(float.NaN);
        int[] directed = [.. Enumerable.Range(0, queries.Count).Where(i => HasDirection(queries[i]))];
        if (directed.Length == 0)
        {
            return;
        }

        float[] values = new float[directed.Length * Dimension];
        for (int i = 0; i < directed.Length; i++)
        {
            queries[directed[i]].CopyTo(values.AsSpan(i * Dimension));
        }

        NearestRows[] nearest = Nearest(new EmbeddingMatrix(values, Dimension).Normalize(), k);
        for (int i = 0; i < directed.Length; i++)
        {
            int at = directed[i] * k;
            foreach ((float score, int row) in nearest[i].Sorted())
            {
                (results[at], scores[at++]) = (names[row].AsMemory(), score);
            }
        }
    }

    private static bool HasDirection(float[] query) =>
        TensorPrimitives.MaxMagnitude<float>(query) is var largest && largest != 0 && float.IsFinite(largest);

    /// <summary>Workers take blocks in turn and keep the nearest of their own: which worker came to which block does not show.</summary>
    private NearestRows[] Nearest(EmbeddingMatrix queries, int k)
    {
        NearestRows[] nearest = Empty();
        int next = -1;
        ParallelLoop.For(Math.Clamp(blocks.Count, 1, Environment.ProcessorCount), _ =>
        {
            NearestRows[] own = Empty();
            float[] cosines = new float[queries.Count * RowsAtATime];
            for (int block; (block = Interlocked.Increment(ref next)) < blocks.Count;)
            {
                Search(block, queries, own, cosines);
            }

            lock (nearest)
            {
                for (int query = 0; query < nearest.Length; query++)
                {
                    nearest[query].Add(own[query]);
                }
            }
        });
        return nearest;

        NearestRows[] Empty() => [.. Enumerable.Range(0, queries.Count).Select(_ => new NearestRows(k))];
    }

    private void Search(int block, EmbeddingMatrix queries, NearestRows[] nearest, float[] cosines)
    {
        EmbeddingMatrix images = blocks[block];
        for (int first = 0; first < images.Count; first += RowsAtATime)
        {
            int count = Math.Min(RowsAtATime, images.Count - first);
            int row = (block * ImageIndexBuilder.BlockRows) + first;
            SimilarityBlock.Compute(queries, 0, queries.Count, images, first, count, cosines);
            for (int query = 0; query < nearest.Length; query++)
            {
                ReadOnlySpan<float> ofQuery = cosines.AsSpan(query * count, count);
                float threshold = nearest[query].Threshold;
                for (int i = 0; i < count; i++)
                {
                    if (ofQuery[i] > threshold)
                    {
                        nearest[query].Offer(ofQuery[i], row + i);
                        threshold = nearest[query].Threshold;
                    }
                }
            }
        }
    }
}
