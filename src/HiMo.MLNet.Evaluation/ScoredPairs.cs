using HiMo.MLNet.Metrics;
using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Evaluation;

/// <summary>The embeddings in the rows of scored data.</summary>
/// <param name="Images">(images, d)</param>
/// <param name="Texts">(rows, d)</param>
/// <param name="ImageOfText">For every row its image.</param>
internal sealed record ScoredPairs(EmbeddingMatrix Images, EmbeddingMatrix Texts, int[] ImageOfText)
{
    /// <param name="data">The scored data.</param>
    /// <param name="imageColumn">Tells which rows are of one image; null: all are different.</param>
    /// <param name="imageEmbedding">The column of image embeddings.</param>
    /// <param name="textEmbedding">The column of text embeddings.</param>
    public static ScoredPairs Read(IDataView data, string? imageColumn, string imageEmbedding, string textEmbedding)
    {
        ArgumentNullException.ThrowIfNull(data);
        DataViewSchema.Column ofImages = InputColumns.Find(data.Schema, imageEmbedding, InputColumns.Kind.Embedding);
        int d = ((VectorDataViewType)ofImages.Type).Size;
        InputColumns.Kind kind = InputColumns.Kind.Embedding with { Expected = $"a vector of {d} singles, as '{imageEmbedding}' has" };
        DataViewSchema.Column ofTexts = InputColumns.Find(data.Schema, textEmbedding, kind);
        if (((VectorDataViewType)ofTexts.Type).Size != d)
        {
            throw InputColumns.WrongType(textEmbedding, kind, ofTexts.Type);
        }

        DataViewSchema.Column? name = imageColumn is null ? null : InputColumns.Find(data.Schema, imageColumn, InputColumns.Kind.Name);
        List<float> images = [], texts = [];
        List<int> imageOfText = [];
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        using DataViewRowCursor cursor = data.GetRowCursor(name is { } column ? [ofImages, ofTexts, column] : [ofImages, ofTexts]);
        ValueGetter<VBuffer<float>> readImage = cursor.GetGetter<VBuffer<float>>(ofImages),
            readText = cursor.GetGetter<VBuffer<float>>(ofTexts);
        Func<string>? readName = name is { } named ? InputColumns.TextReader(cursor, named) : null;
        VBuffer<float> embedding = default;
        while (cursor.MoveNext())
        {
            int next = images.Count / d, place = next;
            if (readName is null || known.TryAdd(readName(), next))
            {
                readImage(ref embedding);
                images.AddRange(embedding.DenseValues());
            }
            else
            {
                place = known[readName()];
            }

            readText(ref embedding);
            texts.AddRange(embedding.DenseValues());
            imageOfText.Add(place);
        }

        return imageOfText.Count == 0
            ? throw new ArgumentException("Expected scored rows, found none.", nameof(data))
            : new(new EmbeddingMatrix([.. images], d).Normalize(), new EmbeddingMatrix([.. texts], d).Normalize(), [.. imageOfText]);
    }

    /// <summary>For every image the similarities of its texts, in the order of their rows.</summary>
    public float[][] SimilaritiesOfImages() => [.. ImageOfText.Index().GroupBy(row => row.Item)
        .Select(image => image.Select(row => SimilarityBlock.Dot(Images.Row(image.Key), Texts.Row(row.Index))).ToArray())];
}
