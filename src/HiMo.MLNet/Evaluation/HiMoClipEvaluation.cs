using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Images;
using HiMo.MLNet.Scoring;
using HiMo.MLNet.Text;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet;

/// <summary>The metrics of the papers, for a model and a data view with pictures and captions.</summary>
public static class HiMoClipEvaluation
{
    private const int BatchSize = 64;

    /// <summary>
    /// Recall of the right caption among all captions, for every picture, and of the right picture, for every caption.
    /// Rows with the same picture path are one picture with several captions.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's picture and caption columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A column is missing or of the wrong type.</exception>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    public static RetrievalMetrics EvaluateRetrieval(this HiMoClipTransformer model, IDataView data)
    {
        ArgumentNullException.ThrowIfNull(model);
        List<float> images = [], texts = [];
        List<int> imageOfText = [];
        Dictionary<string, int> known = new(StringComparer.Ordinal);
        int imageCount = 0;
        foreach (Pair[] batch in Pairs(model, data).Chunk(BatchSize))
        {
            texts.AddRange(model.Encoder.EncodeTexts([.. batch.Select(p => p.Caption)]));
            List<RgbImage> fresh = [];
            foreach (Pair pair in batch)
            {
                if (pair.Path is null || !known.TryGetValue(pair.Path, out int image))
                {
                    image = imageCount++;
                    fresh.Add(pair.Load());
                    if (pair.Path is not null)
                        known.Add(pair.Path, image);
                }
                imageOfText.Add(image);
            }
            if (fresh.Count > 0)
                images.AddRange(model.Encoder.EncodeImages(fresh));
        }
        int d = model.Encoder.Dimension;
        return Retrieval.Evaluate(Matrix(images, d), Matrix(texts, d), imageOfText.ToArray());
    }

    /// <summary>
    /// HiMo@K, semantic monotonicity: whether the similarity of a picture with the first 1, 2, … K parts of its caption
    /// grows. Captions of fewer than K sentences are counted apart.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="data">Rows with the model's picture and caption columns.</param>
    /// <param name="k">K, at least 2. For 2 and 3 the score is the share of captions that grow at every part, in %; above, the mean
    /// Pearson correlation of the part count with the similarity.</param>
    /// <exception cref="ArgumentOutOfRangeException">K is below 2; or a column is missing or of the wrong type.</exception>
    /// <exception cref="ImageReadException">A picture cannot be read.</exception>
    public static MonotonicityMetrics EvaluateMonotonicity(this HiMoClipTransformer model, IDataView data, int k)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 2);
        int d = model.Encoder.Dimension;
        List<float[]> similarities = [];
        foreach (Pair[] batch in Pairs(model, data).Chunk(BatchSize))
        {
            float[] images = model.Encoder.EncodeImages([.. batch.Select(p => p.Load())]);
            for (int i = 0; i < batch.Length; i++)
            {
                string[] parts = [.. GrowingText.Segments(Sentences.Split(batch[i].Caption), k)];
                float[] texts = parts.Length > 0 ? model.Encoder.EncodeTexts(parts) : [];
                float[] row = new float[parts.Length];
                for (int part = 0; part < parts.Length; part++)
                    row[part] = System.Numerics.Tensors.TensorPrimitives.Dot(images.AsSpan(i * d, d), texts.AsSpan(part * d, d));
                similarities.Add(row);
            }
        }
        return k switch
        {
            2 => SemanticMonotonicity.HiMoAt2(similarities),
            3 => SemanticMonotonicity.HiMoAt3(similarities),
            _ => SemanticMonotonicity.HiMoAtK(similarities, k),
        };
    }

    private sealed record Pair(string? Path, Func<RgbImage> Load, string Caption);

    private static IEnumerable<Pair> Pairs(HiMoClipTransformer model, IDataView data)
    {
        ArgumentNullException.ThrowIfNull(data);
        DataViewSchema.Column image = InputColumns.Image(data.Schema, model.Columns.Image), text = InputColumns.Text(data.Schema, model.Columns.Text);
        using DataViewRowCursor cursor = data.GetRowCursor([image, text]);
        Func<Func<RgbImage>?> readImage = InputColumns.ImageReader(cursor, image, model.ImageFolder);
        Func<string> readText = InputColumns.TextReader(cursor, text);
        Func<string>? readPath = image.Type is TextDataViewType ? InputColumns.TextReader(cursor, image) : null;
        while (cursor.MoveNext())
            yield return new(readPath?.Invoke(),
                readImage() ?? throw new InvalidOperationException($"Row {cursor.Position} has no picture: column '{image.Name}' is empty there."), readText());
    }

    private static EmbeddingMatrix Matrix(List<float> values, int dimension)
    {
        var matrix = new EmbeddingMatrix([.. values], dimension);
        matrix.Normalize();
        return matrix;
    }
}
