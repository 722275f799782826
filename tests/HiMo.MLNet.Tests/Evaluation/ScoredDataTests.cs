using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Evaluation;

/// <summary>Metrics over the columns of scored data: numbers by hand, and the same as those of the model that scored.</summary>
public sealed class ScoredDataTests
{
    private readonly MLContext _mlContext = new();

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";

        [VectorType(2)]
        public float[] ImageEmbedding { get; set; } = [];

        [VectorType(2)]
        public float[] TextEmbedding { get; set; } = [];
    }

    private IDataView Data(params (string Image, float[] Seen, float[] Said)[] rows) => _mlContext.Data.LoadFromEnumerable(
        rows.Select(row => new Row { ImagePath = row.Image, ImageEmbedding = row.Seen, TextEmbedding = row.Said }).ToArray());

    [Fact]
    public void Recall_counts_an_image_with_two_captions_once()
    {
        // a looks right, b looks up. a's second caption is nearer to b.
        IDataView scored = Data(("a", [1, 0], [1, 0.1f]), ("a", [1, 0], [0.1f, 1]), ("b", [0, 1], [0, 1]));

        RetrievalMetrics metrics = _mlContext.Ranking.EvaluateRetrieval(scored, imageColumnName: "ImagePath");

        Assert.Equal(100, metrics.ImageToTextRecallAt1);                      // one of a's captions is first, and b's
        Assert.Equal(100 * 2 / 3.0, metrics.TextToImageRecallAt1, 1e-9);      // a's second caption finds b
    }

    [Fact]
    public void Texts_of_an_image_grow_in_the_order_of_their_rows()
    {
        // Cosines with the image: 0.6, 0.8, 1 for a, which rise evenly; 1, 0.8, 0.6 for b, which fall evenly.
        IDataView scored = Data(
            ("a", [1, 0], [0.6f, 0.8f]), ("a", [1, 0], [0.8f, 0.6f]), ("a", [1, 0], [1, 0]),
            ("b", [1, 0], [1, 0]), ("b", [1, 0], [0.8f, 0.6f]), ("b", [1, 0], [0.6f, 0.8f]));

        Assert.Equal(0, _mlContext.Ranking.EvaluateMonotonicity(scored).Score, 1e-6);
        Assert.Equal(1, _mlContext.Ranking.EvaluateMonotonicity(_mlContext.Data.TakeRows(scored, 3)).Score, 1e-6);
    }

    [Fact]
    public void Scored_once_it_gives_what_the_model_gives()
    {
        using var images = new ToyImages();
        IDataView data = _mlContext.Data.LoadFromEnumerable(images.Rows);
        using HiMoClipTransformer model = _mlContext.Transforms.HiMoClip(images.Checkpoint()).Fit(data);

        IDataView scored = _mlContext.Data.Cache(model.Transform(data));

        Assert.Equal(model.EvaluateRetrieval(data), _mlContext.Ranking.EvaluateRetrieval(scored, imageColumnName: "ImagePath"));
        Assert.Equal(model.EvaluateCola(data), _mlContext.Ranking.EvaluateCola(scored));
    }

    [Fact]
    public void What_is_wrong_with_a_column_is_told()
    {
        IDataView scored = Data(("a", [1, 0], [1, 0]));

        Assert.Contains("'Seen'", Assert.Throws<ArgumentOutOfRangeException>(
            () => _mlContext.Ranking.EvaluateRetrieval(scored, imageEmbeddingColumnName: "Seen")).Message, StringComparison.Ordinal);
        Assert.Contains("'ImagePath'", Assert.Throws<ArgumentOutOfRangeException>(
            () => _mlContext.Ranking.EvaluateCola(scored, textEmbeddingColumnName: "ImagePath")).Message, StringComparison.Ordinal);
        Assert.Contains("found none", Assert.Throws<ArgumentException>(
            () => _mlContext.Ranking.EvaluateRetrieval(_mlContext.Data.SkipRows(scored, 1))).Message, StringComparison.Ordinal);
    }
}
