using System.Numerics.Tensors;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Scoring;

/// <summary>Names and normalised embeddings of images, all of them compared with a query.</summary>
internal sealed class ImageIndex(IReadOnlyList<string> names, EmbeddingMatrix embeddings)
{
    public int Count => names.Count;

    public IReadOnlyList<string> Names => names;

    public EmbeddingMatrix Embeddings => embeddings;

    /// <summary>The nearest images, best first; of equally near ones the first comes first.</summary>
    /// <param name="query">Of any finite length but zero; NaN or zeros for a missing one.</param>
    /// <param name="results">Receives the names; at most <see cref="Count"/>.</param>
    /// <param name="scores">Receives the cosines.</param>
    public void Search(ReadOnlySpan<float> query, Span<ReadOnlyMemory<char>> results, Span<float> scores)
    {
        float largest = TensorPrimitives.MaxMagnitude(query);
        if (largest == 0 || !float.IsFinite(largest))
        {
            results.Clear();
            scores.Fill(float.NaN);
            return;
        }

        ReadOnlySpan<float> direction = new EmbeddingMatrix(query.ToArray(), query.Length).Normalize().Row(0);
        int found = 0;
        for (int i = 0; i < Count; i++)
        {
            float cosine = TensorPrimitives.Dot(embeddings.Row(i), direction);
            if (found == scores.Length && !(cosine > scores[^1]))
            {
                continue;
            }

            int at = found < scores.Length ? found++ : found - 1;
            for (; at > 0 && cosine > scores[at - 1]; at--)
            {
                (scores[at], results[at]) = (scores[at - 1], results[at - 1]);
            }

            (scores[at], results[at]) = (cosine, names[i].AsMemory());
        }
    }
}
