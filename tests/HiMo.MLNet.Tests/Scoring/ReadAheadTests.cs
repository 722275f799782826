using HiMo.MLNet.Embedding;
using HiMo.MLNet.Tests.Composition;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Scoring;

/// <summary>Images are read a batch ahead of the network, and no further.</summary>
public sealed class ReadAheadTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
    }

    private string PathOf(int i) => tiny.Images.Rows[i % tiny.Images.Rows.Count].ImagePath;

    private IEnumerable<Row> Rows(int count, Action<int> read, Func<int, string>? path = null)
    {
        for (int i = 0; i < count; i++)
        {
            read(i);
            yield return new() { ImagePath = (path ?? PathOf)(i) };
        }
    }

    [Fact]
    public void A_cursor_reads_one_batch_ahead_and_none_for_who_stops_in_the_first()
    {
        using HiMoClipTransformer model = tiny.Fit();
        model.BatchSize = 4;
        int read = 0;
        IDataView scored = model.Transform(tiny.MLContext.Data.LoadFromEnumerable(Rows(100, i => read = i + 1)));
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["ImageEmbedding"]]);
        List<int> seen = [];

        for (int row = 0; row < 13; row++)
        {
            Assert.True(cursor.MoveNext());
            seen.Add(read);
        }

        Assert.Equal([4, 4, 4, 4, 12, 12, 12, 12, 16, 16, 16, 16, 20], seen);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(32)]
    public void Whatever_the_batch_size_rows_keep_their_order_and_their_embeddings(int batchSize)
    {
        using HiMoClipTransformer model = tiny.Fit();
        model.BatchSize = batchSize;
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(Rows(19, _ => { }, i => i == 7 ? "" : PathOf(i)).ToArray());

        IDataView scored = model.Transform(data);

        Assert.Equal(data.GetColumn<string>("ImagePath"), scored.GetColumn<string>("ImagePath"));
        using ClipEmbedder embedder = model.CreateEmbedder();
        foreach ((int i, float[] embedding) in scored.GetColumn<float[]>("ImageEmbedding").Index())
        {
            TinyModel.Close(i == 7 ? [.. Enumerable.Repeat(float.NaN, embedding.Length)] : embedder.EmbedImage(PathOf(i)), embedding);
        }
    }

    [Fact]
    public void An_image_that_cannot_be_read_is_told_when_its_batch_comes()
    {
        using HiMoClipTransformer model = tiny.Fit();
        model.BatchSize = 2;
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(Rows(10, _ => { }, i => i == 7 ? "no such image.png" : PathOf(i)).ToArray());
        IDataView scored = model.Transform(data);
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["ImageEmbedding"]]);

        for (int row = 0; row < 6; row++)
        {
            Assert.True(cursor.MoveNext());
        }

        ImageReadException error = Assert.Throws<ImageReadException>(() => cursor.MoveNext());
        Assert.Equal("no such image.png", error.Path);
    }

    [Fact]
    public void A_row_that_cannot_be_read_is_told_when_its_batch_comes()
    {
        using HiMoClipTransformer model = tiny.Fit();
        model.BatchSize = 2;
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(Rows(10, i => _ = i == 7 ? throw new InvalidDataException("row 7") : i));
        IDataView scored = model.Transform(data);
        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["ImageEmbedding"]]);

        for (int row = 0; row < 6; row++)
        {
            Assert.True(cursor.MoveNext());
        }

        Assert.Contains("row 7", Assert.ThrowsAny<Exception>(() => cursor.MoveNext()).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Images_are_embedded_as_they_are_asked_for_and_unreadable_ones_are_told_of()
    {
        using HiMoClipTransformer model = tiny.Fit();
        using ClipEmbedder embedder = model.CreateEmbedder();
        embedder.BatchSize = 2;
        int read = 0;
        List<int> seen = [];

        foreach (ClipEmbeddedImage image in embedder.EmbedEach(Rows(7, i => read = i + 1, i => i == 3 ? "no such image.png" : PathOf(i))
            .Select(row => ClipImage.FromFile(row.ImagePath))))
        {
            int i = seen.Count;
            seen.Add(read);
            Assert.Equal(i == 3, image.Error is not null);
            Assert.Equal(i == 3 ? "no such image.png" : PathOf(i), image.Image.Name);
            TinyModel.Close(i == 3 ? [] : embedder.EmbedImage(PathOf(i)), image.Embedding ?? []);
        }

        Assert.Equal([4, 4, 6, 6, 7, 7, 7], seen);
        Assert.Throws<ImageReadException>(() => embedder.EmbedImages(["no such image.png"]));
        Assert.Throws<ArgumentOutOfRangeException>(() => embedder.BatchSize = 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.BatchSize = 0);
    }

    [Fact]
    public void What_else_goes_wrong_while_images_are_read_is_thrown_where_they_are_waited_for()
    {
        using var batch = new PlaneBatch(new PlaneReader(32), 3, (i, _) => throw new InvalidOperationException("mine"));

        Assert.Equal("mine", Assert.Throws<InvalidOperationException>(() => batch.Wait()).Message);
    }
}
