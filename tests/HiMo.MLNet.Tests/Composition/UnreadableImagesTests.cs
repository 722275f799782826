using System.IO.Compression;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>An unreadable image is an error, or a missing value with a reason in a column of its own.</summary>
public sealed class UnreadableImagesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const string NoImage = "it is not an image of a known format (PNG, JPEG, WebP, GIF, BMP, ICO, WBMP)", NoFile = "there is no such file";

    private sealed class Scored
    {
        public string ImageError { get; set; } = "";
        public float[] ImageEmbedding { get; set; } = [];
        public float Similarity { get; set; }
        public uint PredictedLabel { get; set; }
        public float[] Score { get; set; } = [];
    }

    private sealed class InMemory
    {
        [ImageType(1, 1)]
        public MLImage ImagePath { get; set; } = null!;
    }

    /// <summary>The second is no image, the third is not there, the fourth is missing.</summary>
    private ToyImages.Row[] Rows
    {
        get
        {
            string broken = tiny.FileName("broken.png");
            File.WriteAllText(broken, "not an image");
            return [.. ((string[])[tiny.Images.Rows[0].ImagePath, broken, tiny.FileName("not-there.png"), "", tiny.Images.Rows[1].ImagePath])
                .Select(path => new ToyImages.Row { ImagePath = path, Caption = "Two colours." })];
        }
    }

    private IDataView View(params ToyImages.Row[] rows) => tiny.MLContext.Data.LoadFromEnumerable(rows);

    private HiMoClipTransformer Model(string? column) =>
        tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green"], imageErrorColumnName: column).Fit(tiny.Data);

    private Scored[] Score(ITransformer model, IDataView data) =>
        [.. tiny.MLContext.Data.CreateEnumerable<Scored>(model.Transform(data), reuseRowObject: false)];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(32)]
    public void With_a_column_for_the_reason_it_is_a_missing_value_and_the_run_goes_on(int batchSize)
    {
        using HiMoClipTransformer model = Model("ImageError");
        model.BatchSize = batchSize;
        float[][] readable = [.. Score(model, View(Rows[0], Rows[4])).Select(row => row.ImageEmbedding)];

        Scored[] scored = Score(model, View(Rows));

        Assert.Equal(["", NoImage, NoFile, "", ""], scored.Select(row => row.ImageError));
        foreach (Scored missing in scored[1..4])
        {
            Assert.All((float[])[.. missing.ImageEmbedding, missing.Similarity, .. missing.Score], value => Assert.True(float.IsNaN(value)));
            Assert.Equal(0u, missing.PredictedLabel);
        }

        TinyModel.Close(readable[0], scored[0].ImageEmbedding);
        TinyModel.Close(readable[1], scored[4].ImageEmbedding);
        Assert.Equal(["", NoImage, NoFile, "", ""], model.Transform(View(Rows)).GetColumn<string>("ImageError"));
    }

    [Fact]
    public void Without_one_the_first_is_an_error_as_ever()
    {
        using HiMoClipTransformer model = Model(null);

        Assert.Null(model.ImageErrorColumnName);
        Assert.Equal(tiny.FileName("broken.png"), Assert.Throws<ImageReadException>(() => model.Transform(View(Rows)).GetColumn<float[]>("ImageEmbedding").ToArray()).Path);
    }

    [Fact]
    public void Engines_tell_the_reason_too()
    {
        using PredictionEngine<ToyImages.Row, Scored> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Scored>(Model("ImageError"));

        Scored[] scored = [.. Rows.Select(row => engine.Predict(row))];

        Assert.Equal(["", NoImage, NoFile, "", ""], scored.Select(row => row.ImageError));
        Assert.Equal([false, true, true, true, false], scored.Select(row => float.IsNaN(row.Score[0])));
    }

    [Fact]
    public void Bytes_and_images_in_memory_have_reasons_as_files_have()
    {
        IDataView bytes = tiny.MLContext.Data.LoadFromEnumerable(
            [new { ImagePath = File.ReadAllBytes(Rows[0].ImagePath) }, new { ImagePath = Encoding.UTF8.GetBytes("not an image") }, new { ImagePath = Array.Empty<byte>() }]);
        InMemory[] images =
        [
            new() { ImagePath = MLImage.CreateFromFile(Rows[0].ImagePath) },
            new() { ImagePath = MLImage.CreateFromPixels(65_536, 1, MLPixelFormat.Rgba32, new byte[65_536 * 4]) },
        ];
        using HiMoClipTransformer model = Model("ImageError");

        Assert.Equal(["", NoImage, ""], model.Transform(bytes).GetColumn<string>("ImageError"));
        string[] reasons = [.. model.Transform(tiny.MLContext.Data.LoadFromEnumerable(images)).GetColumn<string>("ImageError")];
        Assert.Equal("", reasons[0]);
        Assert.Contains("ImageSide", reasons[1], StringComparison.Ordinal);
        using HiMoClipTransformer strict = Model(null);
        Assert.True(Assert.Throws<ImageReadException>(() => strict.Transform(tiny.MLContext.Data.LoadFromEnumerable(images)).GetColumn<float[]>("ImageEmbedding").ToArray()).IsTooLarge);
    }

    [Fact]
    public void A_zip_keeps_the_column_and_a_loaded_model_takes_one()
    {
        string with = tiny.FileName("with.zip"), without = tiny.FileName("without.zip");
        foreach ((string zip, string? column) in (ReadOnlySpan<(string, string?)>)[(with, "ImageError"), (without, null)])
        {
            using HiMoClipTransformer model = Model(column);
            tiny.MLContext.Model.Save(tiny.MLContext.Transforms.CopyColumns("Copy", "Caption").Fit(tiny.Data).Append(model), tiny.Data.Schema, zip);
        }

        Assert.Equal(["", NoImage, NoFile, "", ""], Score(new MLContext().Model.Load(with, out _), View(Rows)).Select(row => row.ImageError));
        Assert.DoesNotContain("ImageError", Settings(without), StringComparison.Ordinal);

        ITransformer loaded = new MLContext().Model.Load(without, out _);
        foreach (HiMoClipTransformer transformer in loaded.HiMoClipTransformers())
        {
            transformer.ImageErrorColumnName = "ImageError";
        }

        Assert.Equal(["", NoImage, NoFile, "", ""], Score(loaded, View(Rows)).Select(row => row.ImageError));
    }

    private static string Settings(string zip)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        using var reader = new StreamReader(archive.Entries.Single(entry => entry.Name == "Settings.json").Open());
        return reader.ReadToEnd();
    }

    [Fact]
    public void A_classifier_of_a_model_keeps_its_column()
    {
        using HiMoClipTransformer model = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageErrorColumnName: "ImageError").Fit(tiny.Data);
        using HiMoClipTransformer classifier = model.ForZeroShot(["red", "green"]);

        Assert.Equal("ImageError", classifier.ImageErrorColumnName);
        Assert.Equal(NoImage, Score(classifier, View(Rows))[1].ImageError);
    }

    [Fact]
    public void An_image_search_leaves_them_out()
    {
        using TransformerChain<HiMoClipImageSearchTransformer> search = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageErrorColumnName: "ImageError")
            .Append(tiny.MLContext.Transforms.HiMoClipImageSearch(k: 5)).Fit(View(Rows));

        Assert.Equal(2, search.LastTransformer.Count);
    }

    [Fact]
    public void Data_without_images_has_no_such_column_and_its_name_must_be_free()
    {
        using HiMoClipTransformer model = Model("ImageError");
        IDataView captions = tiny.MLContext.Data.LoadFromEnumerable([new { Caption = "Two colours." }]);

        Assert.Equal(["Caption", "TextEmbedding"], model.Transform(captions).Schema.Select(column => column.Name));
        Assert.Throws<ArgumentException>(() => model.ImageErrorColumnName = "Score");
        Assert.Throws<ArgumentOutOfRangeException>(() => model.ImageErrorColumnName = " ");
        Assert.Throws<ArgumentOutOfRangeException>(() => Model(" "));
        Assert.Equal("ImageError", model.ImageErrorColumnName);
        model.ImageErrorColumnName = null;
        Assert.Throws<ImageReadException>(() => model.Transform(View(Rows)).GetColumn<float[]>("Score").ToArray());
    }
}
