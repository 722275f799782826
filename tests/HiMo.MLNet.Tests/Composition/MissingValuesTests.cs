using Microsoft.ML;

namespace HiMo.MLNet.Tests.Composition;

public sealed class MissingValuesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Row
    {
        public string? ImagePath { get; set; }
        public string? Caption { get; set; }
    }

    private sealed class Scored
    {
        public float[] ImageEmbedding { get; set; } = [];
        public float[] TextEmbedding { get; set; } = [];
        public float Similarity { get; set; }
        public uint PredictedLabel { get; set; }
        public float[] Score { get; set; } = [];
        public string[] SearchResults { get; set; } = [];
        public float[] SearchScores { get; set; } = [];
    }

    private ITransformer Everything => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green"])
        .Append(tiny.MLContext.Transforms.HiMoClipImageSearch(new HiMoClipImageSearchOptions { K = 2, QueryColumnName = "ImageEmbedding" })).Fit(tiny.Data);

    private Scored[] Score(ITransformer model, params Row[] rows) =>
        [.. tiny.MLContext.Data.CreateEnumerable<Scored>(model.Transform(tiny.MLContext.Data.LoadFromEnumerable(rows)), reuseRowObject: false)];

    [Fact]
    public void A_null_path_is_a_missing_image_and_leaves_its_neighbours_alone()
    {
        string path = tiny.Images.Rows[0].ImagePath;
        Scored[] scored = Score(Everything, new() { ImagePath = path, Caption = "Two colours." }, new() { Caption = "Two colours." }, new() { ImagePath = path, Caption = "Two colours." });
        Scored missing = scored[1];

        Assert.All((float[])[.. missing.ImageEmbedding, missing.Similarity, .. missing.Score, .. missing.SearchScores], value => Assert.True(float.IsNaN(value)));
        Assert.Equal(0u, missing.PredictedLabel);
        Assert.Equal(["", ""], missing.SearchResults);
        TinyModel.Close(scored[0].TextEmbedding, missing.TextEmbedding);
        TinyModel.Close(scored[0].ImageEmbedding, scored[2].ImageEmbedding);
        Assert.Equal(path, scored[2].SearchResults[0]);
    }

    [Fact]
    public void A_null_text_is_the_empty_text()
    {
        Scored[] scored = Score(Everything, new() { ImagePath = tiny.Images.Rows[0].ImagePath }, new() { ImagePath = tiny.Images.Rows[0].ImagePath, Caption = "" });

        TinyModel.Close(scored[1].TextEmbedding, scored[0].TextEmbedding);
        Assert.Equal(1, scored[0].TextEmbedding.Sum(v => v * v), 1e-5f);
        Assert.Equal(scored[1].Similarity, scored[0].Similarity, 1e-5f);
    }

    [Fact]
    public void An_empty_view_has_every_column_and_no_rows()
    {
        ITransformer everything = Everything;
        IDataView empty = everything.Transform(tiny.MLContext.Data.LoadFromEnumerable(Array.Empty<Row>()));

        Assert.Equal(9, empty.Schema.Count);
        using DataViewRowCursor cursor = empty.GetRowCursor(empty.Schema);
        Assert.False(cursor.MoveNext());
        Assert.Empty(Score(everything));
    }
}
