using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Prediction engines whose input class lacks one of the model's columns.</summary>
public sealed class LackingColumnsTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class CaptionOnly
    {
        public string Caption { get; set; } = "";
    }

    private sealed class ImageOnly
    {
        public string ImagePath { get; set; } = "";
    }

    private sealed class Scores
    {
        public float[]? Score { get; set; }
    }

    private sealed class Texts
    {
        public float[]? TextEmbedding { get; set; }
    }

    private sealed class Found
    {
        public string[] SearchResults { get; set; } = [];
    }

    private HiMoClipTransformer Classifier => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green"]).Fit(tiny.Data);

    [Fact]
    public void A_score_that_needs_a_image_is_an_error_that_names_its_column()
    {
        using HiMoClipTransformer classifier = Classifier;
        PredictionEngine<CaptionOnly, Scores> engine = tiny.MLContext.Model.CreatePredictionEngine<CaptionOnly, Scores>(classifier);

        ArgumentException error = Assert.Throws<ArgumentOutOfRangeException>(() => engine.Predict(new() { Caption = "Two colours." }));

        Assert.Contains("Column 'Score' is computed from the image column 'ImagePath', which is missing", error.Message, StringComparison.Ordinal);
        Assert.Contains("the data has 'Caption'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_can_be_computed_is_computed_also_in_front_of_other_transformers()
    {
        using HiMoClipTransformer classifier = Classifier;
        ITransformer chain = classifier.Append(tiny.MLContext.Transforms.Conversion.MapKeyToValue("Name", "PredictedLabel").Fit(classifier.Transform(tiny.Data)));
        PredictionEngine<CaptionOnly, Texts> texts = tiny.MLContext.Model.CreatePredictionEngine<CaptionOnly, Texts>(classifier);
        PredictionEngine<ImageOnly, Scores> scores = tiny.MLContext.Model.CreatePredictionEngine<ImageOnly, Scores>(chain);

        TinyModel.Close(classifier.Transform(tiny.Data).GetColumn<float[]>("TextEmbedding").First(), texts.Predict(new() { Caption = tiny.Images.Rows[0].Caption }).TextEmbedding!);
        TinyModel.Close(classifier.Transform(tiny.Data).GetColumn<float[]>("Score").First(), scores.Predict(new() { ImagePath = tiny.Images.Rows[0].ImagePath }).Score!);
    }

    [Fact]
    public void A_search_takes_the_query_that_is_there()
    {
        using TransformerChain<HiMoClipImageSearchTransformer> search =
            tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint).Append(tiny.MLContext.Transforms.HiMoClipImageSearch(k: 1)).Fit(tiny.Data);

        PredictionEngine<ImageOnly, Found> engine = tiny.MLContext.Model.CreatePredictionEngine<ImageOnly, Found>(search);

        Assert.Equal([tiny.Images.Rows[6].ImagePath], engine.Predict(new() { ImagePath = tiny.Images.Rows[6].ImagePath }).SearchResults);
    }

    [Fact]
    public void A_data_view_has_the_columns_of_the_side_it_brings()
    {
        using HiMoClipTransformer classifier = Classifier;

        DataViewSchema schema = classifier.Transform(tiny.MLContext.Data.LoadFromEnumerable([new CaptionOnly()])).Schema;

        Assert.Equal(["Caption", "TextEmbedding"], schema.Select(c => c.Name));
    }
}
