using HiMo.MLNet.Tests.Images;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>What a row lends is neither kept nor freed, and an image that is passed on is the reader's.</summary>
public sealed class LentImagesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class InMemory
    {
        [ImageType(32, 32)]
        public MLImage Image { get; set; } = null!;
    }

    private sealed class Passed
    {
        [ImageType(32, 32)]
        public MLImage Image { get; set; } = null!;
        public float[] ImageEmbedding { get; set; } = [];
    }

    private sealed class Pixels
    {
        public float[] Values { get; set; } = [];
        public float[] ImageEmbedding { get; set; } = [];
    }

    private InMemory[] Images(int count) =>
        [.. Enumerable.Range(0, count).Select(i => new InMemory { Image = MLImage.CreateFromFile(tiny.Images.Rows[i % 16].ImagePath) })];

    private HiMoClipTransformer Model => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "Image", captionColumnName: null)
        .Fit(tiny.MLContext.Data.LoadFromEnumerable(Array.Empty<InMemory>()));

    [Fact]
    public void Images_in_memory_outlive_a_preview_a_pass_and_predictions()
    {
        InMemory[] rows = Images(100);
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(rows);
        using HiMoClipTransformer model = Model;

        model.Transform(data).Preview(3);
        Assert.All(rows, row => Assert.Equal(32, row.Image.Width));

        Assert.Equal(100, model.Transform(data).GetColumn<float[]>("ImageEmbedding").Count());
        using PredictionEngine<InMemory, Passed> engine = tiny.MLContext.Model.CreatePredictionEngine<InMemory, Passed>(model);
        Assert.All(rows.Take(3), row => Assert.Same(row.Image, engine.Predict(row).Image));
        Assert.All(rows, row => Assert.Equal(32, row.Image.Width));
    }

    [Fact]
    public void Images_of_rows_that_are_past_stay_with_their_reader()
    {
        InMemory[] rows = Images(40);
        rows[7].Image = null!;
        rows[9].Image.Tag = "ninth";
        using HiMoClipTransformer model = Model;

        Passed[] passed = [.. tiny.MLContext.Data.CreateEnumerable<Passed>(model.Transform(tiny.MLContext.Data.LoadFromEnumerable(rows)), reuseRowObject: false)];

        Assert.Null(passed[7].Image);
        Assert.All(passed[7].ImageEmbedding, value => Assert.True(float.IsNaN(value)));
        Assert.Equal("ninth", passed[9].Image.Tag);
        foreach ((InMemory row, Passed reader) in rows.Zip(passed).Where(pair => pair.First.Image is not null))
        {
            Assert.Equal(row.Image.Pixels.ToArray(), reader.Image.Pixels.ToArray());
            reader.Image.Dispose();
            Assert.Equal(32, row.Image.Width);
        }
    }

    /// <summary>ML.NET's resizing gives an image of the right size on as it is, and its loader frees that image with the next row.</summary>
    [Fact]
    public void Images_that_ML_NET_need_not_resize_reach_what_follows()
    {
        var rows = Enumerable.Range(0, 40).Select(i => new { ImagePath = tiny.FileName($"sixty-four-{i}.png") }).ToArray();
        foreach ((int i, var row) in rows.Index())
        {
            byte[][] lines = [.. Enumerable.Range(0, 64).Select(y => Enumerable.Range(0, 64).SelectMany(x => (byte[])[(byte)(x * 4), (byte)(y * 4), (byte)(i * 6)]).ToArray())];
            File.WriteAllBytes(row.ImagePath, PngFile.Create(64, 8, 2, lines));
        }

        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(rows);
        EstimatorChain<ImageResizingTransformer> load = tiny.MLContext.Transforms.LoadImages("Image", null, "ImagePath")
            .Append(tiny.MLContext.Transforms.ResizeImages("Image", 64, 64));
        ImagePixelExtractingEstimator extract = tiny.MLContext.Transforms.ExtractPixels("Values", "Image");
        float[][] expected = [.. load.Append(extract).Fit(data).Transform(data).GetColumn<float[]>("Values")];
        float[][] embeddings = [.. tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint).Fit(data).Transform(data).GetColumn<float[]>("ImageEmbedding")];

        using TransformerChain<ImagePixelExtractingTransformer> chain =
            load.Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "Image", captionColumnName: null)).Append(extract).Fit(data);
        Pixels[] scored = [.. tiny.MLContext.Data.CreateEnumerable<Pixels>(chain.Transform(data), reuseRowObject: false)];

        Assert.Equal(expected, scored.Select(s => s.Values));
        Assert.Equal(embeddings, scored.Select(s => s.ImageEmbedding));
        using PredictionEngine<ToyImages.Row, Pixels> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Pixels>(chain);
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(expected[i], engine.Predict(new() { ImagePath = rows[i].ImagePath }).Values));
    }

    [Fact]
    public void A_batch_ends_early_where_its_images_are_large()
    {
        // 17 MB each: four of them end a batch, which changes nothing but the memory.
        var large = MLImage.CreateFromPixels(2048, 2048, MLPixelFormat.Rgba32, new byte[2048 * 2048 * 4]);
        InMemory[] rows = [.. Enumerable.Repeat(new InMemory { Image = large }, 9)];
        var read = new List<int>();
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(rows.Select((row, i) =>
        {
            read.Add(i);
            return row;
        }));
        using HiMoClipTransformer model = Model;
        IDataView scored = model.Transform(data);

        using DataViewRowCursor cursor = scored.GetRowCursor(scored.Schema);
        Assert.True(cursor.MoveNext());

        Assert.Equal(4, read.Count);
    }
}
