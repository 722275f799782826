using HiMo.MLNet.Images;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Text;
using HiMo.MLNet.Training;

namespace HiMo.MLNet.Embedding;

/// <summary>Measures a model in training by the metrics of its embeddings. Pairs with the same image file are one image with several
/// captions.</summary>
/// <param name="encoder">The model.</param>
/// <param name="pairs">The validation pairs.</param>
/// <param name="options">The share of these images that may be unreadable, and when to stop.</param>
internal sealed class ValidationMetrics(ClipEncoder encoder, PairSource pairs, TrainingOptions options)
{
    private const int BatchSize = 64;

    private readonly List<float> _images = [];
    private readonly List<string> _captions = [];
    private readonly List<int> _imageOfCaption = [];
    private readonly Dictionary<string, int?> _known = new(StringComparer.Ordinal);   // null: it cannot be read
    private int _unreadable;

    /// <exception cref="ImageReadException">More images cannot be read than may be left out.</exception>
    public double Measure(ValidationMetric metric)
    {
        foreach (TrainingPair[] batch in pairs.Read().Chunk(BatchSize))
        {
            options.CancellationToken.ThrowIfCancellationRequested();
            Add(batch);
        }

        EmbeddingMatrix images = Matrix([.. _images]);
        return metric == ValidationMetric.HiMoAt3 ? HiMoAt3(images) : RecallAt1(images);
    }

    private double RecallAt1(EmbeddingMatrix images)
    {
        RetrievalMetrics recall = Retrieval.Evaluate(images, Embed(_captions), [.. _imageOfCaption]);
        return (recall.ImageToTextRecallAt1 + recall.TextToImageRecallAt1) / 2;
    }

    private double HiMoAt3(EmbeddingMatrix images)
    {
        string[][] growing = [.. _captions.Select(caption => GrowingText.Segments(Sentences.Split(caption), 3))];
        EmbeddingMatrix texts = Embed([.. growing.SelectMany(parts => parts)]);
        int next = 0;
        return SemanticMonotonicity.HiMoAt3([.. growing.Select((parts, caption) => parts.Select(_ =>
            SimilarityBlock.Dot(images.Row(_imageOfCaption[caption]), texts.Row(next++))).ToArray())]).Score;
    }

    private void Add(TrainingPair[] batch)
    {
        TrainingPair[] fresh = [.. batch.Where(pair => pair.Path is null || _known.TryAdd(pair.Path, null))];
        int length = encoder.Planes.Length;
        byte[] planes = new byte[fresh.Length * length];
        var failures = new ImageReadException?[fresh.Length];
        ParallelLoop.For(fresh.Length, i =>
        {
            try
            {
                using RgbImage image = fresh[i].Load();
                encoder.Planes.Read(image).CopyTo(planes.AsSpan(i * length));
            }
            catch (ImageReadException e)
            {
                failures[i] = e;
            }
        }, options.CancellationToken);

        float[] embeddings = encoder.EncodePlanes(planes);
        Queue<int?> unnamed = [];
        foreach ((int i, TrainingPair pair) in fresh.Index())
        {
            int? place = failures[i] is null ? _images.Count / encoder.Dimension : null;
            if (failures[i] is { } failure)
            {
                LeaveOut(failure);
            }
            else
            {
                _images.AddRange(embeddings.AsSpan(i * encoder.Dimension, encoder.Dimension));
            }

            if (pair.Path is { } path)
            {
                _known[path] = place;
            }
            else
            {
                unnamed.Enqueue(place);
            }
        }

        foreach (TrainingPair pair in batch)
        {
            if ((pair.Path is { } path ? _known[path] : unnamed.Dequeue()) is { } image)
            {
                _captions.Add(pair.Caption);
                _imageOfCaption.Add(image);
            }
        }
    }

    private void LeaveOut(ImageReadException failure)
    {
        if (++_unreadable > options.MaxUnreadableShare * pairs.Count)
        {
            throw options.MaxUnreadableShare == 0 ? failure : new ImageReadException(failure.Path,
                $"{failure.Reason}; it is number {_unreadable} of the validation set, and {nameof(HiMoClipOptions)}."
                + $"{nameof(TrainingOptions.MaxUnreadableShare)} allows {options.MaxUnreadableShare}", failure);
        }
    }

    private EmbeddingMatrix Embed(IReadOnlyList<string> texts)
    {
        using var embedder = new ClipEmbedder(encoder.Share());
        return Matrix([.. embedder.EmbedTexts(texts, options.CancellationToken).SelectMany(embedding => embedding)]);
    }

    private EmbeddingMatrix Matrix(float[] values) => new EmbeddingMatrix(values, encoder.Dimension).Normalize();
}
