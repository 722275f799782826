using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Text alone, images alone, and how well the two match.</summary>
public sealed class OneSideTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Odd
    {
        public float ImagePath { get; set; }
        public string Caption { get; set; } = "";
    }

    [Fact]
    public void A_side_that_is_not_used_adds_nothing_and_may_be_anything()
    {
        // ImagePath is no path here.
        IDataView odd = tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select((r, i) => new Odd { ImagePath = i, Caption = r.Caption }).ToArray());
        using HiMoClipTransformer texts = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageColumnName: null).Fit(odd);
        using HiMoClipTransformer images = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, captionColumnName: null).Fit(tiny.Data);
        using HiMoClipTransformer both = tiny.Fit();

        Assert.Equal(["ImagePath", "Caption", "TextEmbedding"], texts.Transform(odd).Schema.Select(c => c.Name));
        Assert.Equal(["ImagePath", "Caption", "ImageEmbedding"], images.Transform(tiny.Data).Schema.Select(c => c.Name));
        Assert.Equal(both.Transform(tiny.Data).GetColumn<float[]>("TextEmbedding"), texts.Transform(odd).GetColumn<float[]>("TextEmbedding"));
        Assert.Throws<ArgumentOutOfRangeException>(() => both.Transform(odd));
    }

    [Fact]
    public void A_side_that_is_not_used_stays_so_in_the_zip()
    {
        string zip = tiny.FileName("texts.zip");
        using (HiMoClipTransformer texts = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, imageColumnName: null).Fit(tiny.Data))
        {
            tiny.MLContext.Model.Save(texts, tiny.Data.Schema, zip);
        }

        using var loaded = (HiMoClipTransformer)tiny.MLContext.Model.Load(zip, out _);

        Assert.Equal(["ImagePath", "Caption", "TextEmbedding"], loaded.Transform(tiny.Data).Schema.Select(c => c.Name));
        Assert.Contains("ImageColumnName is null", Assert.Throws<InvalidOperationException>(() => loaded.ForZeroShot(["red"])).Message, StringComparison.Ordinal);
        Assert.Contains("ImageColumnName is null", Assert.Throws<InvalidOperationException>(() => loaded.EvaluateRetrieval(tiny.Data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Similarity_is_the_cosine_of_image_and_caption()
    {
        using HiMoClipTransformer model = tiny.Fit();
        IDataView scored = model.Transform(tiny.Data);

        float[] expected = [.. scored.GetColumn<float[]>("ImageEmbedding").Zip(scored.GetColumn<float[]>("TextEmbedding"), (v, u) => v.Zip(u, (a, b) => a * b).Sum())];

        TinyModel.Close(expected, [.. scored.GetColumn<float>("Similarity")]);
        Assert.Equal(16, expected.Distinct().Count());
    }

    [Theory]
    [InlineData(null, "Caption", "ImageColumnName must be a column name: training needs images and captions")]
    [InlineData("ImagePath", null, "CaptionColumnName must be a column name: training needs images and captions")]
    public void Training_needs_both_sides(string? image, string? caption, string expected)
    {
        var options = new HiMoClipOptions { Checkpoint = tiny.Checkpoint, ImageColumnName = image, CaptionColumnName = caption };

        string message = Assert.Throws<ArgumentOutOfRangeException>(() => tiny.MLContext.Transforms.HiMoClip(options)).Message;

        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, null, "ImageColumnName must be a column name where CaptionColumnName is null")]
    [InlineData("", "Caption", "ImageColumnName must be a column name, or null")]
    public void Applying_needs_one_side(string? image, string? caption, string expected)
    {
        string message = Assert.Throws<ArgumentOutOfRangeException>(
            () => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, image, caption)).Message;

        Assert.Contains(expected, message, StringComparison.Ordinal);
    }
}
