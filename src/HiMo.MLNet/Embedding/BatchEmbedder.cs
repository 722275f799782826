using HiMo.MLNet.Images;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Embedding;

/// <summary>Embeds images and texts in batches, each content once; what the cache knows is not computed.</summary>
internal sealed class BatchEmbedder(ClipEncoder encoder, IEmbeddingCache? cache, CancellationToken cancellation)
{
    public const int BatchSize = 64;

    public int Dimension => encoder.Dimension;

    /// <summary>Embeddings taken from the cache so far.</summary>
    public int Cached { get; private set; }

    /// <param name="images">At most <see cref="BatchSize"/>.</param>
    /// <param name="embeddings">(images, d); the rows of unreadable images are left alone.</param>
    /// <returns>For each image what kept it from being read, or null.</returns>
    public ImageReadException?[] EmbedImages(IReadOnlyList<ImageSource> images, Span<float> embeddings)
    {
        cancellation.ThrowIfCancellationRequested();
        int d = Dimension;
        var keys = new ContentKey?[images.Count];
        ImageReadException?[] failures = cache is null ? new ImageReadException?[images.Count]
            : PlaneReader.TryEach(images.Count, i =>
                keys[i] = images[i].Path is { } path ? ImageDecoder.Read(path, ContentKey.OfImage) : images[i].EncodedKey);

        List<int> missing = [];
        for (int i = 0; i < images.Count; i++)
        {
            if (keys[i] is { } key && cache!.TryGet(key, embeddings.Slice(i * d, d)))
            {
                Cached++;
            }
            else if (failures[i] is null)
            {
                missing.Add(i);
            }
        }

        (byte[] planes, ImageReadException?[] errors) = encoder.Planes.ReadEach([.. missing.Select(i => images[i])]);
        foreach ((int at, ImageReadException? error) in errors.Index())
        {
            failures[missing[at]] = error;
        }

        int[] readable = encoder.Planes.Compact(planes, errors);
        float[] computed = encoder.EncodePlanes(planes.AsSpan(0, readable.Length * encoder.Planes.Length));
        for (int row = 0; row < readable.Length; row++)
        {
            int i = missing[readable[row]];
            ReadOnlySpan<float> embedding = computed.AsSpan(row * d, d);
            CheckFinite(embedding, $"the image '{images[i].Path ?? images[i].Name ?? "without a path"}'");
            embedding.CopyTo(embeddings.Slice(i * d, d));
            if (keys[i] is { } key)
            {
                cache!.Add(key, embedding);
            }
        }
        return failures;
    }

    /// <param name="texts">Any number of texts; equal ones are embedded once.</param>
    /// <param name="progress">Told after every batch how many different texts are done and how many there are.</param>
    /// <returns>(texts, d), normalised, in the order of the texts.</returns>
    public EmbeddingMatrix EmbedTexts(IReadOnlyList<string> texts, Action<int, int>? progress = null)
    {
        int d = Dimension;
        float[] embeddings = new float[texts.Count * d];
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        List<string> missing = [];
        foreach ((int i, string text) in texts.Index())
        {
            if (!places.TryAdd(text, i))
            {
                continue;
            }

            if (cache is not null && cache.TryGet(ContentKey.OfText(text), embeddings.AsSpan(i * d, d)))
            {
                Cached++;
            }
            else
            {
                missing.Add(text);
            }
        }
        progress?.Invoke(places.Count - missing.Count, places.Count);

        // Texts of a length share a batch: the text tower computes as many columns as the longest one needs.
        missing.Sort((a, b) => a.Length.CompareTo(b.Length));
        for (int first = 0; first < missing.Count; first += BatchSize)
        {
            cancellation.ThrowIfCancellationRequested();
            List<string> batch = missing.GetRange(first, Math.Min(BatchSize, missing.Count - first));
            float[] computed = encoder.EncodeTexts(batch);
            for (int row = 0; row < batch.Count; row++)
            {
                ReadOnlySpan<float> embedding = computed.AsSpan(row * d, d);
                CheckFinite(embedding, $"the text '{(batch[row].Length > 80 ? batch[row][..80] + "…" : batch[row])}'");
                embedding.CopyTo(embeddings.AsSpan(places[batch[row]] * d));
                cache?.Add(ContentKey.OfText(batch[row]), embedding);
            }
            progress?.Invoke(places.Count - missing.Count + first + batch.Count, places.Count);
        }

        for (int i = 0; i < texts.Count; i++)
        {
            if (places[texts[i]] is var place && place != i)
            {
                embeddings.AsSpan(place * d, d).CopyTo(embeddings.AsSpan(i * d));
            }
        }

        return new EmbeddingMatrix(embeddings, d).Normalize();
    }

    private static void CheckFinite(ReadOnlySpan<float> embedding, string what)
    {
        foreach (float value in embedding)
        {
            if (!float.IsFinite(value))
            {
                throw new InvalidOperationException(
                    $"The model's embedding of {what} holds {value}; expected finite numbers. Its weights are damaged.");
            }
        }
    }
}
