namespace HiMo.MLNet.Scoring;

/// <summary>The k rows with the largest scores of those offered; of equal scores the first rows. A heap with the worst on top.</summary>
internal sealed class NearestRows(int k)
{
    private readonly (float Score, int Row)[] _heap = new (float, int)[k];
    private int _count;

    /// <summary>A score that is not above it is not among the nearest, if its row comes after all those offered so far.</summary>
    public float Threshold => _count < _heap.Length ? float.NegativeInfinity : _heap[0].Score;

    public void Offer(float score, int row)
    {
        if (_count < _heap.Length)
        {
            int at = _count++;
            for (; at > 0 && IsWorse((score, row), _heap[(at - 1) / 2]); at = (at - 1) / 2)
            {
                _heap[at] = _heap[(at - 1) / 2];
            }

            _heap[at] = (score, row);
        }
        else if (IsWorse(_heap[0], (score, row)))
        {
            Sink((score, row));
        }
    }

    /// <summary>Offers what another one holds.</summary>
    public void Add(NearestRows other)
    {
        foreach ((float score, int row) in other._heap.AsSpan(0, other._count))
        {
            Offer(score, row);
        }
    }

    /// <summary>The rows, best first.</summary>
    public ReadOnlySpan<(float Score, int Row)> Sorted()
    {
        Span<(float Score, int Row)> rows = _heap.AsSpan(0, _count);
        rows.Sort((a, b) => IsWorse(a, b) ? 1 : IsWorse(b, a) ? -1 : 0);
        return rows;
    }

    private void Sink((float Score, int Row) item)
    {
        int at = 0;
        for (int child; (child = (2 * at) + 1) < _count; at = child)
        {
            if (child + 1 < _count && IsWorse(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (IsWorse(item, _heap[child]))
            {
                break;
            }

            _heap[at] = _heap[child];
        }

        _heap[at] = item;
    }

    private static bool IsWorse((float Score, int Row) a, (float Score, int Row) b) =>
        a.Score < b.Score || (a.Score == b.Score && a.Row > b.Row);
}
