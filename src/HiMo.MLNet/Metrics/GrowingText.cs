namespace HiMo.MLNet.Metrics;

/// <summary>A caption told little by little, from its first group of sentences to the whole (the texts that HiMo@K compares).</summary>
internal static class GrowingText
{
    /// <summary>
    /// Cuts n sentences into <paramref name="k"/> contiguous groups of n / k, the last n mod k groups having one more
    /// (n = 5, k = 3: 1, 2, 2). The i-th text is the first i groups joined with spaces.
    /// </summary>
    /// <returns><paramref name="k"/> texts, or none when there are fewer than <paramref name="k"/> sentences.</returns>
    public static string[] Segments(IReadOnlyList<string> sentences, int k)
    {
        ArgumentNullException.ThrowIfNull(sentences);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(k);
        (int size, int remainder) = Math.DivRem(sentences.Count, k);
        if (size == 0)
        {
            return [];
        }

        string[] texts = new string[k];
        int end = 0;
        for (int group = 0; group < k; group++)
        {
            end += group < k - remainder ? size : size + 1;
            texts[group] = string.Join(' ', sentences.Take(end));
        }

        return texts;
    }
}
