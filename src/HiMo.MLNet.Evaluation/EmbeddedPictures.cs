using HiMo.MLNet.Embedding;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Evaluation;

/// <summary>The pictures of rows, each path embedded once, with the captions of those that could be read.</summary>
/// <param name="embedder">Embeds them.</param>
/// <param name="expected">About how many there are.</param>
/// <param name="mayLeaveOut">Whether one that cannot be read is left out; else it is an error.</param>
internal sealed class EmbeddedPictures(Embedder embedder, int expected, bool mayLeaveOut)
{
    private const int Unreadable = -1;

    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private readonly List<string?> _paths = [];
    private readonly List<string> _captions = [];
    private readonly List<int> _pictureOfCaption = [];
    private float[] _embeddings = new float[Math.Min((long)expected * embedder.Dimension, Array.MaxLength)];

    /// <summary>Pictures left out.</summary>
    public int UnreadableCount { get; private set; }

    /// <summary>Different paths, with those that cannot be read.</summary>
    public int FileCount => _known.Count;

    public ImageReadException? FirstFailure { get; private set; }

    /// <param name="batch">At most <see cref="Embedder.BatchSize"/> rows.</param>
    /// <exception cref="ImageReadException">A picture cannot be read, and none may be left out.</exception>
    public void Add(EvaluationRow[] batch)
    {
        PictureSource[] fresh =
            [.. batch.Select(row => row.Picture).Where(picture => picture.Path is null || _known.TryAdd(picture.Path, Unreadable))];
        int d = embedder.Dimension;
        float[] computed = new float[fresh.Length * d];
        ImageReadException?[] failures = embedder.EmbedPictures(fresh, computed);
        Queue<int> unnamed = [];
        for (int i = 0; i < fresh.Length; i++)
        {
            if (failures[i] is { } failure)
            {
                UnreadableCount++;
                FirstFailure ??= failure;
                if (!mayLeaveOut)
                {
                    throw failure;
                }
            }
            else if (fresh[i].Path is { } path)
            {
                _known[path] = Keep(path, computed.AsSpan(i * d, d));
            }
            else
            {
                unnamed.Enqueue(Keep(null, computed.AsSpan(i * d, d)));
            }
        }

        foreach (EvaluationRow row in batch)
        {
            int picture = row.Picture.Path is { } path ? _known[path] : unnamed.Dequeue();
            _captions.AddRange(row.Captions);
            _pictureOfCaption.AddRange(Enumerable.Repeat(picture, row.Captions.Count));
        }
    }

    private int Keep(string? path, ReadOnlySpan<float> embedding)
    {
        int place = _paths.Count * embedder.Dimension;
        if (_embeddings.Length == place)
        {
            Array.Resize(ref _embeddings, Math.Max(2 * _embeddings.Length, Embedder.BatchSize * embedder.Dimension));
        }

        embedding.CopyTo(_embeddings.AsSpan(place));
        _paths.Add(path);
        return _paths.Count - 1;
    }

    /// <param name="captionsPerRow">For COLA 2: captions are left out together with those of the same row.</param>
    public (EvaluatedSet Set, EmbeddingMatrix Images, int CaptionsLeftOut) Finish(int captionsPerRow)
    {
        bool[] kept = [.. _pictureOfCaption.Select(picture => picture != Unreadable)];
        for (int first = 0; first < kept.Length; first += captionsPerRow)
        {
            Span<bool> row = kept.AsSpan(first, Math.Min(captionsPerRow, kept.Length - first));
            if (row.Contains(false))
            {
                row.Clear();
            }
        }

        var set = new EvaluatedSet(_paths, [.. _captions.Where((_, i) => kept[i])], [.. _pictureOfCaption.Where((_, i) => kept[i])]);
        Array.Resize(ref _embeddings, _paths.Count * embedder.Dimension);
        return (set, new EmbeddingMatrix(_embeddings, embedder.Dimension).Normalize(), kept.Count(k => !k));
    }
}
