namespace HiMo.MLNet.Samples.Scenes;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood 2014): numbers that are the same in every version of .NET, which System.Random does not promise.
/// </summary>
internal sealed class SceneRandom(params ReadOnlySpan<ulong> seeds)
{
    private const ulong Step = 0x9E3779B97F4A7C15;
    private ulong _state = Fold(seeds);

    /// <summary>A whole number from 0 to below the bound; its bias is below 1 in 2^32.</summary>
    public int Next(int below) => (int)(((Next() >> 32) * (ulong)below) >> 32);

    /// <summary>A number in [0, 1).</summary>
    public double NextDouble() => (Next() >> 11) * (1.0 / (1L << 53));

    public bool NextBool() => Next(2) == 0;

    public T Pick<T>(IReadOnlyList<T> from) => from[Next(from.Count)];

    /// <summary>One that is not among those left out.</summary>
    public T PickOther<T>(IEnumerable<T> from, params IReadOnlyCollection<T> except) => Pick([.. from.Except(except)]);

    public T[] Shuffled<T>(IEnumerable<T> items)
    {
        T[] shuffled = [.. items];
        for (int i = shuffled.Length - 1; i > 0; i--)
        {
            int j = Next(i + 1);
            (shuffled[i], shuffled[j]) = (shuffled[j], shuffled[i]);
        }

        return shuffled;
    }

    private ulong Next() => Mix(_state += Step);

    private static ulong Fold(ReadOnlySpan<ulong> seeds)
    {
        ulong state = 0;
        foreach (ulong seed in seeds)
        {
            state = Mix((state ^ seed) + Step);
        }

        return state;
    }

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
