using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Embedding;

/// <summary>An image with captions of its own.</summary>
internal readonly record struct ImageWithCaptions(ImageSource Image, IReadOnlyList<string> Captions);

/// <summary>What could be read of images with captions.</summary>
/// <param name="Paths">Of the different images; null for one without a file.</param>
/// <param name="Images">(images, d), normalised.</param>
/// <param name="Captions">All captions.</param>
/// <param name="ImageOfCaption">For every caption the index of its image.</param>
/// <param name="CaptionsLeftOut">How many captions went with images that cannot be read.</param>
internal sealed record EmbeddedPairs(
    IReadOnlyList<string?> Paths, EmbeddingMatrix Images, IReadOnlyList<string> Captions, int[] ImageOfCaption, int CaptionsLeftOut);

/// <summary>The images of rows, each file embedded once, with the captions of those that could be read.</summary>
/// <param name="embedder">Embeds them.</param>
/// <param name="expected">About how many there are.</param>
/// <param name="maxUnreadableShare">The share of the images that may be left out because they cannot be read; with 0, the first is an
/// error.</param>
internal sealed class EmbeddedImages(BatchEmbedder embedder, int expected, double maxUnreadableShare)
{
    private const int Unreadable = -1;

    // Of files' bytes: a batch ends at the row that reaches it.
    private const long HeldBytes = 64 << 20;

    private readonly Dictionary<string, int> _known = new(StringComparer.Ordinal);
    private readonly List<string?> _paths = [];
    private readonly List<string> _captions = [];
    private readonly List<int> _imageOfCaption = [];
    private float[] _embeddings = new float[Math.Min((long)expected * embedder.Dimension, Array.MaxLength)];

    /// <summary>Images left out.</summary>
    public int UnreadableCount { get; private set; }

    /// <summary>Different images, with those that cannot be read.</summary>
    public int ImageCount { get; private set; }

    public ImageReadException? FirstFailure { get; private set; }

    /// <summary>Rows for <see cref="Add"/>.</summary>
    public static IEnumerable<ImageWithCaptions[]> Batches(IEnumerable<ImageWithCaptions> rows)
    {
        List<ImageWithCaptions> batch = [];
        long held = 0;
        foreach (ImageWithCaptions row in rows)
        {
            batch.Add(row);
            held += row.Image.Encoded?.Length ?? 0;
            if (batch.Count == BatchEmbedder.BatchSize || held >= HeldBytes)
            {
                yield return [.. batch];
                batch.Clear();
                held = 0;
            }
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }

    /// <param name="batch">At most <see cref="BatchEmbedder.BatchSize"/> rows.</param>
    /// <exception cref="ImageReadException">An image cannot be read, and none may be left out.</exception>
    public void Add(ImageWithCaptions[] batch)
    {
        string?[] identities = [.. batch.Select(row => row.Image.Identity)];
        int[] freshRows = [.. Enumerable.Range(0, batch.Length)
            .Where(i => identities[i] is not { } identity || _known.TryAdd(identity, Unreadable))];
        ImageSource[] fresh = [.. freshRows.Select(i => batch[i].Image)];
        ImageCount += fresh.Length;
        int d = embedder.Dimension;
        float[] computed = new float[fresh.Length * d];
        ImageReadException?[] failures = embedder.EmbedImages(fresh, computed);
        int[] places = new int[batch.Length];
        for (int i = 0; i < fresh.Length; i++)
        {
            int row = freshRows[i];
            places[row] = Unreadable;
            if (failures[i] is { } failure)
            {
                UnreadableCount++;
                FirstFailure ??= failure;
                if (maxUnreadableShare == 0)
                {
                    throw failure;
                }
            }
            else
            {
                places[row] = Keep(fresh[i].Path, computed.AsSpan(i * d, d));
                if (identities[row] is { } identity)
                {
                    _known[identity] = places[row];
                }
            }
        }

        for (int i = 0; i < batch.Length; i++)
        {
            int image = identities[i] is { } identity ? _known[identity] : places[i];
            _captions.AddRange(batch[i].Captions);
            _imageOfCaption.AddRange(Enumerable.Repeat(image, batch[i].Captions.Count));
        }
    }

    private int Keep(string? path, ReadOnlySpan<float> embedding)
    {
        int place = _paths.Count * embedder.Dimension;
        if (_embeddings.Length == place)
        {
            Array.Resize(ref _embeddings, Math.Max(2 * _embeddings.Length, BatchEmbedder.BatchSize * embedder.Dimension));
        }

        embedding.CopyTo(_embeddings.AsSpan(place));
        _paths.Add(path);
        return _paths.Count - 1;
    }

    /// <param name="captionsPerRow">For COLA 2: captions are left out together with those of the same row.</param>
    /// <exception cref="InvalidDataException">More images cannot be read than may be left out.</exception>
    public EmbeddedPairs Finish(int captionsPerRow = 1)
    {
        if (UnreadableCount > maxUnreadableShare * ImageCount)
        {
            throw new InvalidDataException(
                $"{UnreadableCount} of {ImageCount} images cannot be read; {nameof(TrainingOptions.MaxUnreadableShare)} allows "
                + $"{maxUnreadableShare:p0}. {FirstFailure!.Message}", FirstFailure);
        }

        bool[] kept = [.. _imageOfCaption.Select(image => image != Unreadable)];
        for (int first = 0; first < kept.Length; first += captionsPerRow)
        {
            Span<bool> row = kept.AsSpan(first, Math.Min(captionsPerRow, kept.Length - first));
            if (row.Contains(false))
            {
                row.Clear();
            }
        }

        Array.Resize(ref _embeddings, _paths.Count * embedder.Dimension);
        return new(_paths, new EmbeddingMatrix(_embeddings, embedder.Dimension).Normalize(), [.. _captions.Where((_, i) => kept[i])],
            [.. _imageOfCaption.Where((_, i) => kept[i])], kept.Count(k => !k));
    }
}
