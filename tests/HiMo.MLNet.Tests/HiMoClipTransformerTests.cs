using System.IO.Compression;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests;

public sealed class HiMoClipTransformerTests(HiMoClipTransformerTests.Trained trained) : IClassFixture<HiMoClipTransformerTests.Trained>
{
    /// <summary>A model trained once for all tests of the class.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained() => Model = Images.Train(MLContext);

        public MLContext MLContext { get; } = new(seed: 3);

        public ToyImages Images { get; } = new();

        public HiMoClipTransformer Model { get; }

        public IDataView Data => MLContext.Data.LoadFromEnumerable(Images.Rows);

        public void Dispose()
        {
            Model.Dispose();
            Images.Dispose();
        }
    }

    private static readonly string[] s_labels = ["red", "green", "blue"];

    private sealed class Prediction
    {
        public string Caption { get; set; } = "";
        public float[] ImageEmbedding { get; set; } = [];
        public float[] TextEmbedding { get; set; } = [];
        public uint PredictedLabel { get; set; }
        public float[] Score { get; set; } = [];
    }

    [Fact]
    public void Embeddings_are_normalised_vectors_of_fixed_size()
    {
        IDataView scored = trained.Model.Transform(trained.Data);

        Assert.Equal(new VectorDataViewType(NumberDataViewType.Single, 32), scored.Schema["ImageEmbedding"].Type);
        foreach (float[] embedding in scored.GetColumn<float[]>("ImageEmbedding").Concat(scored.GetColumn<float[]>("TextEmbedding")))
        {
            Assert.Equal(1, embedding.Sum(v => v * v), 4);
        }
    }

    [Fact]
    public void A_prediction_engine_and_a_data_view_give_the_same_values_and_pass_other_columns_on()
    {
        HiMoClipTransformer classifier = trained.Model.ForZeroShot(s_labels);
        Prediction[] inBatches = [.. trained.MLContext.Data.CreateEnumerable<Prediction>(classifier.Transform(trained.Data), reuseRowObject: false)];
        using PredictionEngine<ToyImages.Row, Prediction> engine = trained.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(classifier);

        Assert.Equal(trained.Images.Rows.Select(r => r.Caption), inBatches.Select(p => p.Caption));
        for (int i = 0; i < inBatches.Length; i++)
        {
            Prediction one = engine.Predict(trained.Images.Rows[i]);
            Close(inBatches[i].ImageEmbedding, one.ImageEmbedding);
            Close(inBatches[i].TextEmbedding, one.TextEmbedding);
            Close(inBatches[i].Score, one.Score);
            Assert.Equal(inBatches[i].PredictedLabel, one.PredictedLabel);
        }
    }

    [Fact]
    public void A_zero_shot_classifier_gives_probabilities_and_named_labels()
    {
        IDataView scored = trained.Model.ForZeroShot(s_labels, ["The top is {0}.", "{0}"]).Transform(trained.Data);
        VBuffer<ReadOnlyMemory<char>> keys = default, slots = default;
        scored.Schema["PredictedLabel"].GetKeyValues(ref keys);
        scored.Schema["Score"].GetSlotNames(ref slots);
        IDataView named = trained.MLContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(scored).Transform(scored);

        Assert.Equal(s_labels, keys.DenseValues().Select(k => k.ToString()));
        Assert.Equal(s_labels, slots.DenseValues().Select(k => k.ToString()));
        float[][] scores = [.. scored.GetColumn<float[]>("Score")];
        string[] predicted = [.. named.GetColumn<string>("PredictedLabel")];
        for (int i = 0; i < scores.Length; i++)
        {
            Assert.Equal(1, scores[i].Sum(), 4);
            Assert.Equal(s_labels[Array.IndexOf(scores[i], scores[i].Max())], predicted[i]);
        }
    }

    [Fact]
    public void Loads_in_another_process_without_registration()
    {
        HiMoClipTransformer classifier = trained.Model.ForZeroShot(s_labels);
        string zip = Path.Combine(trained.Images.Folder, "model.zip");
        trained.MLContext.Model.Save(classifier, trained.Data.Schema, zip);
        ToyImages.Row row = trained.Images.Rows[5];

        float[][] there = SeparateProcess.Run(zip, row.ImagePath, row.Caption);

        Prediction here = trained.MLContext.Data.CreateEnumerable<Prediction>(
            classifier.Transform(trained.MLContext.Data.LoadFromEnumerable([row])), reuseRowObject: false).Single();
        Assert.Equal([here.ImageEmbedding, here.TextEmbedding, here.Score], there);
    }

    [Fact]
    public void Saves_and_loads_inside_a_chain()
    {
        IDataView data = trained.Data;
        ITransformer chain = trained.MLContext.Transforms.CopyColumns("Copy", "Caption").Fit(data)
            .Append(trained.Model.ForZeroShot(s_labels))
            .Append(trained.MLContext.Transforms.Conversion.MapKeyToValue("Named", "PredictedLabel").Fit(trained.Model.ForZeroShot(s_labels).Transform(data)));
        string zip = Path.Combine(trained.Images.Folder, "chain.zip");
        trained.MLContext.Model.Save(chain, data.Schema, zip);

        ITransformer loaded = new MLContext().Model.Load(zip, out DataViewSchema schema);

        Assert.Equal(data.Schema.Select(c => c.Name), schema.Select(c => c.Name));
        Assert.Equal(chain.Transform(data).GetColumn<string>("Named"), loaded.Transform(data).GetColumn<string>("Named"));
    }

    [Fact]
    public void A_zip_of_a_newer_format_is_refused_with_a_reason()
    {
        string zip = Path.Combine(trained.Images.Folder, "newer.zip");
        trained.MLContext.Model.Save(trained.Model, trained.Data.Schema, zip);
        using (ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update))
        {
            (ZipArchiveEntry entry, byte[] content) = archive.Entries.Where(e => e.Name == "Model.key").Select(e => (e, Content(e)))
                .Single(e => e.Item2.AsSpan().IndexOf("HIMOCLIP"u8) >= 0);
            string name = entry.FullName;
            int signature = content.AsSpan().IndexOf("HIMOCLIP"u8);
            BitConverter.TryWriteBytes(content.AsSpan(signature + 8), 0x00020001u);   // written by
            BitConverter.TryWriteBytes(content.AsSpan(signature + 12), 0x00020001u);  // readable by
            entry.Delete();
            using Stream written = archive.CreateEntry(name).Open();
            written.Write(content);
        }

        Exception error = Assert.ThrowsAny<Exception>(() => trained.MLContext.Model.Load(zip, out _));

        Assert.Contains("newer", error.ToString(), StringComparison.OrdinalIgnoreCase);
    }

    private static byte[] Content(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    [Fact]
    public void Takes_images_that_ML_NET_loaded()
    {
        IDataView data = trained.MLContext.Transforms.LoadImages("Image", null, "ImagePath").Fit(trained.Data).Transform(trained.Data);
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.ImageColumnName = "Image";
        using HiMoClipTransformer model = trained.MLContext.Transforms.HiMoClip(options).Fit(data);
        options.ImageColumnName = "ImagePath";
        using HiMoClipTransformer fromPaths = trained.MLContext.Transforms.HiMoClip(options).Fit(data);

        float[][] embeddings = [.. model.Transform(data).GetColumn<float[]>("ImageEmbedding")];

        Assert.Equal(fromPaths.Transform(data).GetColumn<float[]>("ImageEmbedding").ToArray(), embeddings);
        // An image belongs to its row: ML.NET may free it with the cursor.
        Assert.All(model.Transform(data).GetColumn<MLImage>("Image").Select(image => image.Width), width => Assert.Equal(32, width));
    }

    private sealed class ImageOnly
    {
        public string ImagePath { get; set; } = "";
    }

    [Fact]
    public void Data_without_captions_gets_the_image_columns_alone()
    {
        IDataView data = trained.MLContext.Data.LoadFromEnumerable([new ImageOnly { ImagePath = trained.Images.Rows[0].ImagePath }]);

        DataViewSchema schema = trained.Model.Transform(data).Schema;

        Assert.NotNull(schema.GetColumnOrNull("ImageEmbedding"));
        Assert.Null(schema.GetColumnOrNull("TextEmbedding"));
    }

    [Fact]
    public void A_missing_image_has_no_embedding_and_no_label()
    {
        List<ToyImages.Row> rows = [trained.Images.Rows[0], new() { ImagePath = "", Caption = "" }];
        Prediction[] scored = [.. trained.MLContext.Data.CreateEnumerable<Prediction>(
            trained.Model.ForZeroShot(s_labels).Transform(trained.MLContext.Data.LoadFromEnumerable(rows)), reuseRowObject: false)];

        Assert.All(scored[1].ImageEmbedding, v => Assert.True(float.IsNaN(v)));
        Assert.All(scored[1].Score, v => Assert.True(float.IsNaN(v)));
        Assert.Equal(0u, scored[1].PredictedLabel);
        Assert.DoesNotContain(scored[0].ImageEmbedding, float.IsNaN);
    }

    [Fact]
    public void Only_the_columns_that_are_read_are_computed()
    {
        List<ToyImages.Row> rows = [new() { ImagePath = "/no/such/image.png", Caption = "Two colours." }];
        IDataView scored = trained.Model.Transform(trained.MLContext.Data.LoadFromEnumerable(rows));

        Assert.Single(scored.GetColumn<float[]>("TextEmbedding"));
        ImageReadException error = Assert.Throws<ImageReadException>(() => scored.GetColumn<float[]>("ImageEmbedding").ToArray());
        Assert.Contains("/no/such/image.png", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_data_gives_empty_columns() =>
        Assert.Empty(trained.Model.Transform(trained.MLContext.Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>())).GetColumn<float[]>("ImageEmbedding"));

    [Fact]
    public void A_shared_model_lives_as_long_as_one_of_its_transformers()
    {
        HiMoClipTransformer model = trained.Images.Train(trained.MLContext, ToyImages.Options(epochs: 1));
        HiMoClipTransformer classifier = model.ForZeroShot(s_labels);
        model.Dispose();

        Assert.NotEmpty(classifier.Transform(trained.Data).GetColumn<float[]>("Score"));
        Assert.Throws<ObjectDisposedException>(() => model.Transform(trained.Data));
        classifier.Dispose();
    }

    [Theory]
    [InlineData(new string[0], "{0}", "at least one label")]
    [InlineData(new[] { "a", "a" }, "{0}", "'a' is given 2 times")]
    [InlineData(new[] { "a", " " }, "{0}", "label is empty")]
    [InlineData(new[] { "a" }, "a photo", "'a photo' has no {0}")]
    public void Labels_and_templates_are_checked(string[] labels, string template, string expected) =>
        Assert.Contains(expected, Assert.Throws<ArgumentException>(() => trained.Model.ForZeroShot(labels, [template])).Message, StringComparison.Ordinal);

    private static void Close(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-5f);
        }
    }
}
