using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Chains with ML.NET's transformers, with each other, and through model zips.</summary>
public sealed class ChainsTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Embedded
    {
        public float[] ImageEmbedding { get; set; } = [];
    }

    [Fact]
    public void LoadImages_feeds_images_to_data_views_and_prediction_engines()
    {
        TransformerChain<HiMoClipTransformer> chain = tiny.MLContext.Transforms.LoadImages("Image", tiny.Images.Folder, "ImagePath")
            .Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "Image", captionColumnName: null)).Fit(tiny.Data);
        using HiMoClipTransformer fromPaths = tiny.Fit();
        float[][] expected = [.. fromPaths.Transform(tiny.Data).GetColumn<float[]>("ImageEmbedding")];

        Assert.Equal(expected, chain.Transform(tiny.Data).GetColumn<float[]>("ImageEmbedding"));
        using PredictionEngine<ToyImages.Row, Embedded> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Embedded>(chain);
        TinyModel.Close(expected[3], engine.Predict(tiny.Images.Rows[3]).ImageEmbedding);
        TinyModel.Close(expected[9], engine.Predict(tiny.Images.Rows[9]).ImageEmbedding);
    }

    private sealed class InMemory
    {
        [ImageType(32, 32)]
        public MLImage Image { get; set; } = null!;
    }

    [Fact]
    public void A_callers_own_images_stay_the_callers()
    {
        InMemory[] rows = [.. tiny.Images.Rows.Select(r => new InMemory { Image = MLImage.CreateFromFile(r.ImagePath) })];
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(rows);
        using HiMoClipTransformer model = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "Image").Fit(data);

        float[][] first = [.. model.Transform(data).GetColumn<float[]>("ImageEmbedding")], second = [.. model.Transform(data).GetColumn<float[]>("ImageEmbedding")];

        Assert.Equal(first, second);
        Assert.All(rows, row => Assert.Equal(32, row.Image.Width));
    }

    [Fact]
    public void Two_models_in_one_chain_keep_to_their_columns()
    {
        string other = tiny.Images.Checkpoint(seed: 12);
        TransformerChain<HiMoClipTransformer> chain = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)
            .Append(tiny.MLContext.Transforms.HiMoClip(
                other, imageEmbeddingColumnName: "OtherImageEmbedding", textEmbeddingColumnName: "OtherTextEmbedding", similarityColumnName: null)).Fit(tiny.Data);
        using HiMoClipTransformer first = tiny.Fit(), second = tiny.MLContext.Transforms.HiMoClip(other).Fit(tiny.Data);

        IDataView scored = chain.Transform(tiny.Data);

        Assert.Equal(["ImagePath", "Caption", "ImageEmbedding", "TextEmbedding", "Similarity", "OtherImageEmbedding", "OtherTextEmbedding"], scored.Schema.Select(c => c.Name));
        foreach (string column in (string[])["ImageEmbedding", "TextEmbedding"])
        {
            Assert.Equal(first.Transform(tiny.Data).GetColumn<float[]>(column), scored.GetColumn<float[]>(column));
            Assert.Equal(second.Transform(tiny.Data).GetColumn<float[]>(column), scored.GetColumn<float[]>("Other" + column));
        }
    }

    [Fact]
    public void Saved_and_loaded_and_appended_to_again()
    {
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select((r, i) => new { r.ImagePath, r.Caption, Label = i < 8 }).ToArray());
        string embeds = tiny.FileName("embeds.zip"), decides = tiny.FileName("decides.zip");
        tiny.MLContext.Model.Save(tiny.MLContext.Transforms.CopyColumns("Text", "Caption").Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)).Fit(data), data.Schema, embeds);

        ITransformer loaded = new MLContext().Model.Load(embeds, out _);
        // Trainers read their data many times: cached, every image is embedded once.
        IDataView embedded = tiny.MLContext.Data.Cache(loaded.Transform(data), "Label", "ImageEmbedding");
        ITransformer longer = loaded.Append(tiny.MLContext.BinaryClassification.Trainers.LbfgsLogisticRegression("Label", "ImageEmbedding", l1Regularization: 0, l2Regularization: 0.01f).Fit(embedded));
        tiny.MLContext.Model.Save(longer, data.Schema, decides);
        ITransformer again = new MLContext().Model.Load(decides, out _);

        Assert.Equal(longer.Transform(data).GetColumn<float>("Score"), again.Transform(data).GetColumn<float>("Score"));
        Assert.Equal(16, again.Transform(data).GetColumn<float>("Score").Distinct().Count());
    }

    [Fact]
    public void Disposing_a_chain_frees_the_model_in_it()
    {
        TransformerChain<HiMoClipTransformer> chain = tiny.MLContext.Transforms.CopyColumns("Text", "Caption").Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)).Fit(tiny.Data);
        IDataView made = chain.Transform(tiny.Data);
        chain.Dispose();

        Assert.Throws<ObjectDisposedException>(() => chain.Transform(tiny.Data));
        Assert.Throws<ObjectDisposedException>(() => made.GetColumn<float[]>("ImageEmbedding").First());
    }

    [Fact]
    public void A_zip_of_the_previous_format_gives_what_it_gave()
    {
        // Written by format 1.1 from a model whose weights all equal 0.02: every embedding points along the diagonal.
        var mlContext = new MLContext();
        using var model = (HiMoClipTransformer)mlContext.Model.Load(GoldenFile.PathOf("model-format-1.1.zip"), out DataViewSchema schema);

        Assert.Equal(["ImagePath", "Caption"], schema.Select(c => c.Name));
        Assert.Equal(["red", "green", "blue", "grey"], model.Labels);
        IDataView scored = model.Transform(tiny.Data);
        Assert.Equal(["ImagePath", "Caption", "ImageEmbedding", "TextEmbedding", "PredictedLabel", "Score"], scored.Schema.Select(c => c.Name));
        float[] diagonal = [.. Enumerable.Repeat(1 / MathF.Sqrt(32), 32)];
        foreach (float[] embedding in scored.GetColumn<float[]>("ImageEmbedding").Concat(scored.GetColumn<float[]>("TextEmbedding")))
        {
            TinyModel.Close(diagonal, embedding);
        }

        Assert.All(scored.GetColumn<float[]>("Score"), score => TinyModel.Close([0.25f, 0.25f, 0.25f, 0.25f], score));
    }
}
