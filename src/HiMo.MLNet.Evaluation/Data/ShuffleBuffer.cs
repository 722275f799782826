namespace HiMo.MLNet.Data;

/// <summary>A random order of what is too much to hold.</summary>
internal static class ShuffleBuffer
{
    /// <summary>Holds <paramref name="size"/> of the items; the next one out is a random one of these.</summary>
    public static IEnumerable<T> Shuffle<T>(IEnumerable<T> items, int size, Random random)
    {
        List<T> held = [];
        foreach (T item in items)
        {
            if (held.Count < size)
            {
                held.Add(item);
                continue;
            }

            int place = random.Next(size);
            T leaving = held[place];
            held[place] = item;
            yield return leaving;
        }

        T[] rest = [.. held];
        held.Clear();
        random.Shuffle(rest);
        foreach (T item in rest)
        {
            yield return item;
        }
    }
}
