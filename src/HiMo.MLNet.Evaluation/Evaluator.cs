using HiMo.MLNet.Embedding;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Evaluation;

/// <summary>A picture of the data with captions of its own.</summary>
internal readonly record struct EvaluationRow(PictureSource Picture, IReadOnlyList<string> Captions);

/// <summary>Measures one model: embeds pictures in one pass over the data, then what the metrics ask for.</summary>
internal sealed class Evaluator : IDisposable
{
    // Growing texts embedded at a time: enough to sort them by length, few enough to hold.
    private const int CaptionsAtATime = 2048;

    private readonly HiMoClipEvaluationOptions _options;
    private readonly EmbeddingCache? _cache;
    private readonly Embedder _embedder;

    public Evaluator(ClipEmbedder model, HiMoClipEvaluationOptions options)
    {
        options.Validate();
        _options = options;
        _cache = options.CacheFolder is { } folder ? new(folder, model.WeightsHash, model.Dimension, Notes.Add) : null;
        _embedder = new(model.Encoder, _cache, options.CancellationToken);
    }

    /// <summary>What a reader of the figures should know.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Pictures left out.</summary>
    public int UnreadableCount { get; private set; }

    /// <summary>Writes what the cache has not yet on disk.</summary>
    public void Dispose() => _cache?.Dispose();

    /// <summary>Embeds the pictures. Rows with the same path are one picture.</summary>
    /// <param name="rows">The data.</param>
    /// <param name="total">How many rows there are, if that is known.</param>
    /// <param name="captionsPerRow">For COLA 2: captions are left out together with those of the same row.</param>
    /// <exception cref="ImageReadException">A picture cannot be read, and none may be left out.</exception>
    /// <exception cref="InvalidDataException">More pictures cannot be read than may be left out.</exception>
    public (EvaluatedSet Set, EmbeddingMatrix Images) EmbedPictures(IEnumerable<EvaluationRow> rows, int? total, int captionsPerRow = 1)
    {
        int d = _embedder.Dimension, done = 0;
        Dictionary<string, int> known = new(StringComparer.Ordinal);
        List<string?> paths = [];
        List<string> captions = [];
        List<int> pictureOfCaption = [];                                      // −1 for one that cannot be read
        float[] embeddings = new float[Math.Min((total ?? 0L) * d, Array.MaxLength)];   // enough, if every row is a picture of its own
        ImageReadException? firstFailure = null;
        foreach (EvaluationRow[] batch in rows.Chunk(Embedder.BatchSize))
        {
            List<PictureSource> fresh = [];
            foreach (PictureSource picture in batch.Select(row => row.Picture))
            {
                if (picture.Path is null || known.TryAdd(picture.Path, -1))
                {
                    fresh.Add(picture);
                }
            }

            float[] computed = new float[fresh.Count * d];
            ImageReadException?[] failures = _embedder.EmbedPictures(fresh, computed);
            Queue<int> unnamed = [];
            for (int i = 0; i < fresh.Count; i++)
            {
                if (failures[i] is { } failure)
                {
                    UnreadableCount++;
                    firstFailure ??= failure;
                    if (_options.MaxUnreadableShare == 0)
                    {
                        throw failure;
                    }

                    continue;
                }
                if (fresh[i].Path is { } path)
                {
                    known[path] = paths.Count;
                }
                else
                {
                    unnamed.Enqueue(paths.Count);
                }

                if (embeddings.Length == paths.Count * d)
                {
                    Array.Resize(ref embeddings, Math.Max(2 * embeddings.Length, Embedder.BatchSize * d));
                }

                computed.AsSpan(i * d, d).CopyTo(embeddings.AsSpan(paths.Count * d));
                paths.Add(fresh[i].Path);
            }
            foreach (EvaluationRow row in batch)
            {
                int picture = row.Picture.Path is { } path ? known[path] : unnamed.Dequeue();
                captions.AddRange(row.Captions);
                pictureOfCaption.AddRange(Enumerable.Repeat(picture, row.Captions.Count));
            }
            Report("pictures", done += batch.Length, total);
        }

        if (UnreadableCount > _options.MaxUnreadableShare * known.Count)
        {
            throw new InvalidDataException(
                $"{UnreadableCount} of {known.Count} pictures cannot be read; {nameof(HiMoClipEvaluationOptions.MaxUnreadableShare)} allows {_options.MaxUnreadableShare:p0}. {firstFailure!.Message}", firstFailure);
        }

        bool[] kept = [.. pictureOfCaption.Select(picture => picture >= 0)];
        for (int first = 0; first < kept.Length; first += captionsPerRow)
        {
            Span<bool> row = kept.AsSpan(first, Math.Min(captionsPerRow, kept.Length - first));
            if (row.Contains(false))
            {
                row.Clear();
            }
        }
        if (UnreadableCount > 0)
        {
            Notes.Add($"{UnreadableCount} of {known.Count} pictures cannot be read and are left out with {kept.Count(k => !k)} captions. {firstFailure!.Message}");
        }

        var set = new EvaluatedSet(paths,
            [.. captions.Where((_, i) => kept[i])], [.. pictureOfCaption.Where((_, i) => kept[i])]);
        Array.Resize(ref embeddings, paths.Count * d);
        return (set, new EmbeddingMatrix(embeddings, d).Normalize());
    }

    public EmbeddingMatrix EmbedTexts(IReadOnlyList<string> texts, string stage) =>
        _embedder.EmbedTexts(texts, (done, total) => Report(stage, done, total));

    /// <summary>The similarities of every picture with the growing texts of its captions, for each K; null is the data's own texts.</summary>
    public IReadOnlyList<Growth> Grow(EvaluatedSet set, EmbeddingMatrix images, EmbeddingMatrix? wholeTexts, IReadOnlyList<int?> ks)
    {
        List<float[]>[] similarities = [.. ks.Select(_ => new List<float[]>(set.Captions.Count))];
        for (int first = 0; first < set.Captions.Count; first += CaptionsAtATime)
        {
            int end = Math.Min(first + CaptionsAtATime, set.Captions.Count);
            IReadOnlyList<string>[][] texts = [.. ks.Select(k => Enumerable.Range(first, end - first).Select(caption => set.GrowingTexts(caption, k)).ToArray())];

            // The last text usually is the caption itself, which is embedded already.
            List<string> fresh = [];
            for (int k = 0; k < ks.Count; k++)
            {
                for (int i = 0; i < end - first; i++)
                {
                    fresh.AddRange(texts[k][i].Where(text => wholeTexts is null || text != set.Captions[first + i]));
                }
            }

            EmbeddingMatrix embedded = _embedder.EmbedTexts(fresh, (_, _) => _options.CancellationToken.ThrowIfCancellationRequested());
            int next = 0;
            for (int k = 0; k < ks.Count; k++)
            {
                for (int i = 0; i < end - first; i++)
                {
                    int caption = first + i;
                    similarities[k].Add([.. texts[k][i].Select(text => SimilarityBlock.Dot(
                        images.Row(set.PictureOfCaption[caption]),
                        wholeTexts is not null && text == set.Captions[caption] ? wholeTexts.Row(caption) : embedded.Row(next++)))]);
                }
            }

            Report("growing texts", end, set.Captions.Count);
        }
        return [.. ks.Select((k, i) => new Growth(k, similarities[i]))];
    }

    public static MonotonicityMetrics Score(Growth growth) => growth.K switch
    {
        2 => SemanticMonotonicity.HiMoAt2(growth.Similarities),
        3 => SemanticMonotonicity.HiMoAt3(growth.Similarities),
        var k => SemanticMonotonicity.HiMoAtK(growth.Similarities, k),
    };

    /// <summary>COLA over captions in pairs.</summary>
    public static ColaMetrics Cola(EvaluatedSet set, EmbeddingMatrix images, EmbeddingMatrix texts)
    {
        int d = images.Dimension;
        float[] ofCaptions = new float[set.Captions.Count * d];
        for (int i = 0; i < set.Captions.Count; i++)
        {
            images.Row(set.PictureOfCaption[i]).CopyTo(ofCaptions.AsSpan(i * d));
        }

        return Evaluation.Cola.Evaluate(new EmbeddingMatrix(ofCaptions, d).Normalize(), texts);
    }

    /// <summary>Zero-shot classification of pictures whose captions are classes.</summary>
    /// <param name="set">One caption a picture: its class.</param>
    /// <param name="images">(pictures, d)</param>
    /// <param name="classes">What captions call the classes, in the order of <paramref name="embeddings"/>.</param>
    /// <param name="names">What the metrics call them.</param>
    /// <param name="embeddings">(classes, d)</param>
    /// <exception cref="ArgumentException">A caption is none of the classes.</exception>
    public static ZeroShotMetrics ZeroShot(
        EvaluatedSet set, EmbeddingMatrix images, IReadOnlyList<string> classes, IReadOnlyList<string> names, EmbeddingMatrix embeddings)
    {
        var indices = classes.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal);
        int[] labels = new int[set.Pictures.Count];
        for (int i = 0; i < set.Captions.Count; i++)
        {
            labels[set.PictureOfCaption[i]] = indices.TryGetValue(set.Captions[i], out int label) ? label : throw new ArgumentException(
                $"The picture '{set.Pictures[set.PictureOfCaption[i]]}' is of the class '{set.Captions[i]}'; expected one of {string.Join(", ", classes.Take(12).Select(c => $"'{c}'"))}"
                + (classes.Count > 12 ? $" and {classes.Count - 12} more." : "."));
        }

        return ZeroShotClassification.Evaluate(images, embeddings, labels, names);
    }

    private void Report(string stage, int done, int? total) => _options.Progress?.Report(new(stage, done, total, _embedder.Cached));
}
