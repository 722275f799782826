using System.Text;

namespace HiMo.MLNet.Text;

/// <summary>
/// Byte-pair encoding of words too long for the tokenizer library, whose time grows with the square of their length.
/// </summary>
/// <remarks>
/// <para>
/// Merges are taken off a queue: n log n for n bytes. Where only the first tokens are wanted, only the word's beginning is read.
/// </para>
/// <para>
/// No merge crosses the end of a token, so a word's first tokens are the encoding of what they cover. Of all their ends, the
/// last one up to any place lies less than one token's length before it. Tokens on which the encodings of the beginnings
/// up to all those ends agree are therefore the word's own.
/// </para>
/// </remarks>
internal sealed class LongWord
{
    private const int ByteSymbols = 256;

    private readonly Dictionary<(int Left, int Right), int> _merged; // The lower the id, the earlier the merge.
    private readonly int[] _idOfByte = new int[ByteSymbols];
    private readonly int _longest = 1; // token, in bytes

    /// <param name="byteSymbols">The symbols of the bytes by id: those that stand for themselves, then the others in order.</param>
    /// <param name="merges">
    /// By id, best first: the ids of the two symbols. Symbols are the bytes, the bytes at a word's end, the merges.
    /// </param>
    public LongWord(ReadOnlySpan<char> byteSymbols, IReadOnlyList<(int Left, int Right)> merges)
    {
        int other = 0;
        for (int id = 0; id < ByteSymbols; id++)
        {
            if (byteSymbols[id] < ByteSymbols)
            {
                _idOfByte[byteSymbols[id]] = id;
                continue;
            }

            while (byteSymbols.Contains((char)other))
            {
                other++;
            }

            _idOfByte[other++] = id;
        }

        _merged = new Dictionary<(int Left, int Right), int>(merges.Count);
        int[] lengths = new int[2 * ByteSymbols + merges.Count];
        lengths.AsSpan(0, 2 * ByteSymbols).Fill(1);
        foreach ((int rank, (int Left, int Right) merge) in merges.Index())
        {
            int id = 2 * ByteSymbols + rank;
            _merged.Add(merge, id);
            lengths[id] = lengths[merge.Left] + lengths[merge.Right];
            _longest = int.Max(_longest, lengths[id]);
        }
    }

    /// <summary>The word's ids: all, or at least as many of the first as are wanted.</summary>
    public int[] Encode(ReadOnlySpan<char> word, int wanted)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        for (long end = 4L * wanted + _longest; end * _longest < bytes.Length; end *= 2)
        {
            if (Beginning(bytes.AsSpan(0, (int)end), wanted) is { } ids)
            {
                return ids;
            }
        }

        return Merge(bytes, isWhole: true);
    }

    // The word's first ids as far as these bytes of it settle them; null where they do not.
    private int[]? Beginning(ReadOnlySpan<byte> bytes, int wanted)
    {
        int[] first = Merge(bytes, isWhole: false);
        if (first.Length < wanted)
        {
            return null;
        }

        first = first[..wanted];
        for (int shorter = 1; shorter < _longest; shorter++)
        {
            if (!Merge(bytes[..^shorter], isWhole: false).AsSpan().StartsWith(first))
            {
                return null;
            }
        }

        return first;
    }

    private int[] Merge(ReadOnlySpan<byte> bytes, bool isWhole)
    {
        int[] ids = new int[bytes.Length];
        int[] next = new int[bytes.Length];
        int[] previous = new int[bytes.Length];
        for (int i = 0; i < bytes.Length; i++)
        {
            ids[i] = _idOfByte[bytes[i]];
            next[i] = i + 1;
            previous[i] = i - 1;
        }

        if (isWhole)
        {
            ids[^1] += ByteSymbols;
        }

        // The earliest merge first, and of that the leftmost.
        var queue = new PriorityQueue<(int At, int Id), long>(bytes.Length);
        for (int i = 0; i + 1 < ids.Length; i++)
        {
            Offer(i);
        }

        while (queue.TryDequeue(out (int At, int Id) merge, out _))
        {
            int at = merge.At;
            int right = next[at];
            if (ids[at] < 0 || right == ids.Length || !_merged.TryGetValue((ids[at], ids[right]), out int id) || id != merge.Id)
            {
                continue; // Another merge took a part of it.
            }

            ids[at] = id;
            ids[right] = -1;
            next[at] = next[right];
            if (next[at] < ids.Length)
            {
                previous[next[at]] = at;
                Offer(at);
            }

            if (previous[at] >= 0)
            {
                Offer(previous[at]);
            }
        }

        return [.. ids.Where(id => id >= 0)];

        void Offer(int at)
        {
            if (_merged.TryGetValue((ids[at], ids[next[at]]), out int id))
            {
                queue.Enqueue((at, id), ((long)id << 32) | (uint)at);
            }
        }
    }
}
