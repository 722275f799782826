using HiMo.MLNet.Embedding;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Evaluation;

/// <summary>Measures one model: embeds images in one pass over the data, then what the metrics ask for.</summary>
internal sealed class Evaluator : IDisposable
{
    // Growing texts embedded at a time: enough to sort them by length, few enough to hold.
    private const int CaptionsAtATime = 2048;

    private readonly EmbeddingCache? _cache;
    private readonly BatchEmbedder _embedder;

    public Evaluator(ClipEmbedder model, HiMoClipEvaluationOptions options)
    {
        options.Validate();
        (Model, Options) = (model, options);
        _cache = options.CacheFolder is { } folder ? new(folder, model.WeightsHash, model.Dimension, Notes.Add) : null;
        _embedder = new(model.Encoder, _cache, options.CancellationToken);
    }

    public ClipEmbedder Model { get; }

    public HiMoClipEvaluationOptions Options { get; }

    /// <summary>What a reader of the figures should know.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Images left out.</summary>
    public int UnreadableCount { get; private set; }

    /// <summary>Writes what the cache has not yet on disk.</summary>
    public void Dispose() => _cache?.Dispose();

    /// <summary>Embeds the images. Rows with the same path, or the same bytes, are one image.</summary>
    /// <param name="rows">The data.</param>
    /// <param name="total">How many rows there are, if that is known.</param>
    /// <param name="captionsPerRow">For COLA 2: captions are left out together with those of the same row.</param>
    /// <exception cref="ImageReadException">An image cannot be read, and none may be left out.</exception>
    /// <exception cref="InvalidDataException">More images cannot be read than may be left out.</exception>
    public (EvaluatedSet Set, EmbeddingMatrix Images) EmbedImages(IEnumerable<ImageWithCaptions> rows, int? total, int captionsPerRow = 1)
    {
        var images = new EmbeddedImages(_embedder, total ?? 0, Options.MaxUnreadableShare);
        int done = 0;
        foreach (ImageWithCaptions[] batch in EmbeddedImages.Batches(rows))
        {
            images.Add(batch);
            Report("images", done += batch.Length, total);
        }

        EmbeddedPairs pairs = images.Finish(captionsPerRow);
        UnreadableCount = images.UnreadableCount;
        if (UnreadableCount > 0)
        {
            Notes.Add(
                $"{UnreadableCount} of {images.ImageCount} images cannot be read and are left out "
                + $"with {pairs.CaptionsLeftOut} captions. "
                + images.FirstFailure!.Message);
        }

        return (new(pairs.Paths, pairs.Captions, pairs.ImageOfCaption), pairs.Images);
    }

    public EmbeddingMatrix EmbedTexts(IReadOnlyList<string> texts, string stage) =>
        _embedder.EmbedTexts(texts, (done, total) => Report(stage, done, total));

    /// <summary>The similarities of every image with the growing texts of its captions, for each K; null is the data's own
    /// texts.</summary>
    public IReadOnlyList<Growth> Grow(EvaluatedSet set, EmbeddingMatrix images, EmbeddingMatrix? wholeTexts, IReadOnlyList<int?> ks)
    {
        List<float[]>[] similarities = [.. ks.Select(_ => new List<float[]>(set.Captions.Count))];
        for (int first = 0; first < set.Captions.Count; first += CaptionsAtATime)
        {
            int end = Math.Min(first + CaptionsAtATime, set.Captions.Count);
            IReadOnlyList<string>[][] texts =
                [.. ks.Select(k => Enumerable.Range(first, end - first).Select(caption => set.GrowingTexts(caption, k)).ToArray())];

            // The last text usually is the caption itself, which is embedded already.
            List<string> fresh = [];
            for (int k = 0; k < ks.Count; k++)
            {
                for (int i = 0; i < end - first; i++)
                {
                    fresh.AddRange(texts[k][i].Where(text => wholeTexts is null || text != set.Captions[first + i]));
                }
            }

            EmbeddingMatrix embedded = _embedder.EmbedTexts(fresh, (_, _) => Options.CancellationToken.ThrowIfCancellationRequested());
            int next = 0;
            for (int k = 0; k < ks.Count; k++)
            {
                for (int i = 0; i < end - first; i++)
                {
                    int caption = first + i;
                    similarities[k].Add([.. texts[k][i].Select(text => SimilarityBlock.Dot(
                        images.Row(set.ImageOfCaption[caption]),
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
        float[] ofCaptions = EvaluatedSet.Rows(images, set.ImageOfCaption);
        return Evaluation.Cola.Evaluate(new EmbeddingMatrix(ofCaptions, images.Dimension).Normalize(), texts);
    }

    /// <summary>Zero-shot classification of images whose captions are classes.</summary>
    /// <param name="set">One caption an image: its class.</param>
    /// <param name="images">(images, d)</param>
    /// <param name="classes">What captions call the classes, in the order of <paramref name="embeddings"/>.</param>
    /// <param name="names">What the metrics call them.</param>
    /// <param name="embeddings">(classes, d)</param>
    /// <exception cref="ArgumentException">A caption is none of the classes.</exception>
    public static ZeroShotMetrics ZeroShot(
        EvaluatedSet set, EmbeddingMatrix images, IReadOnlyList<string> classes, IReadOnlyList<string> names, EmbeddingMatrix embeddings)
    {
        var indices = classes.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal);
        int[] labels = new int[set.ImagePaths.Count];
        for (int i = 0; i < set.Captions.Count; i++)
        {
            int image = set.ImageOfCaption[i];
            labels[image] = indices.TryGetValue(set.Captions[i], out int label) ? label : throw new ArgumentException(
                $"The image '{set.ImagePaths[image]}' is of the class '{set.Captions[i]}'; "
                + $"expected one of {string.Join(", ", classes.Take(12).Select(c => $"'{c}'"))}"
                + (classes.Count > 12 ? $" and {classes.Count - 12} more." : "."));
        }

        return ZeroShotClassification.Evaluate(images, embeddings, labels, names);
    }

    private void Report(string stage, int done, int? total) => Options.Progress?.Report(new(stage, done, total, _embedder.Cached));
}
