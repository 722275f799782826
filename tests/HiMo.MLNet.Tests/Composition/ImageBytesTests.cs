using HiMo.MLNet.Tests.Images;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>A column of image files' bytes stands for the column of their paths.</summary>
public sealed class ImageBytesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Photo
    {
        public string ImagePath { get; set; } = "";
        public byte[]? ImageSource { get; set; }
        public string Caption { get; set; } = "";
    }

    /// <summary>What Model Builder generates for images.</summary>
    private sealed class ModelInput
    {
        [ColumnName("Label")]
        public string? Label { get; set; }

        [ColumnName("ImageSource")]
        public byte[]? ImageSource { get; set; }
    }

    private sealed class ModelOutput
    {
        [ColumnName("ImageSource")]
        public byte[]? ImageSource { get; set; }

        [ColumnName("ImageEmbedding")]
        public float[] ImageEmbedding { get; set; } = [];

        [ColumnName("Score")]
        public float[] Score { get; set; } = [];
    }

    private static readonly byte[] s_noImage = [.. "not an image"u8];

    // As many as a batch and a half; each image with three captions.
    private Photo[] Photos => [.. from turn in (string[])["Two colours.", "Halves.", "A flag."]
                                  from row in tiny.Images.Rows
                                  select new Photo { ImagePath = row.ImagePath, ImageSource = File.ReadAllBytes(row.ImagePath), Caption = $"{turn} {row.Caption}" }];

    private Photo[] Damaged(int at)
    {
        Photo[] photos = Photos;
        photos[at].ImageSource = s_noImage;
        return photos;
    }

    private IDataView View<T>(IEnumerable<T> rows)
        where T : class => tiny.MLContext.Data.LoadFromEnumerable(rows);

    private HiMoClipTransformer Model(string images, IReadOnlyList<string>? labels = null) =>
        tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, images, labels: labels).Fit(View(Photos));

    private static float[][] Embeddings(ITransformer model, IDataView data) => [.. model.Transform(data).GetColumn<float[]>("ImageEmbedding")];

    [Fact]
    public void Bytes_give_what_their_files_give_in_views_engines_and_zips()
    {
        Photo[] photos = Photos;
        using HiMoClipTransformer ofBytes = Model("ImageSource"), ofPaths = Model("ImagePath");
        float[][] expected = Embeddings(ofPaths, View(photos));

        Assert.Equal(expected, Embeddings(ofBytes, View(photos)));
        Assert.Equal(ofPaths.Transform(View(photos)).GetColumn<float>("Similarity"), ofBytes.Transform(View(photos)).GetColumn<float>("Similarity"));
        using PredictionEngine<Photo, ModelOutput> engine = tiny.MLContext.Model.CreatePredictionEngine<Photo, ModelOutput>(ofBytes),
            engineOfPaths = tiny.MLContext.Model.CreatePredictionEngine<Photo, ModelOutput>(ofPaths);
        Assert.All(photos[..4], photo => Assert.Equal(engineOfPaths.Predict(photo).ImageEmbedding, engine.Predict(photo).ImageEmbedding));

        string zip = tiny.FileName("bytes.zip");
        using HiMoClipTransformer saved = Model("ImageSource");
        tiny.MLContext.Model.Save(saved, View(photos).Schema, zip);
        ITransformer loaded = new MLContext().Model.Load(zip, out DataViewSchema schema);
        Assert.Equal(NumberDataViewType.Byte, Assert.IsType<VectorDataViewType>(schema["ImageSource"].Type).ItemType);
        Assert.Equal(expected, Embeddings(loaded, View(photos)));
    }

    [Theory]
    [InlineData(ValidationMetric.Loss)]
    [InlineData(ValidationMetric.RecallAt1)]
    public void A_training_on_bytes_is_the_training_on_their_files(ValidationMetric metric)
    {
        float[][] Train(string images)
        {
            HiMoClipOptions options = ToyImages.Options(epochs: 1);
            (options.ImageColumnName, options.Augmentation) = (images, new ImageAugmentation());
            (options.ValidationSet, options.ValidationMetric) = (View(Photos[..20]), metric);
            using HiMoClipTransformer model = new MLContext(seed: 5).Transforms.HiMoClip(options).Fit(View(Photos[..32]));
            return Embeddings(model, View(Photos[..16]));
        }

        // Rows of one image are one image to the objective and to the recall: equal bytes are as equal paths.
        Assert.Equal(Train("ImagePath"), Train("ImageSource"));
    }

    [Fact]
    public void An_evaluation_of_bytes_is_that_of_their_files_with_the_cache_and_without()
    {
        using HiMoClipTransformer ofBytes = Model("ImageSource"), ofPaths = Model("ImagePath");
        HiMoClipMetrics expected = ofPaths.Evaluate(View(Photos), new() { CacheFolder = tiny.FileName("cache") });

        foreach (string? cache in (string?[])[null, tiny.FileName("cache")])
        {
            HiMoClipMetrics found = ofBytes.Evaluate(View(Photos), new() { CacheFolder = cache });

            Assert.Equal(16, found.ImageCount);
            Assert.Equal(expected.Retrieval, found.Retrieval);
            Assert.Equal(expected.Monotonicity, found.Monotonicity);
        }

        Assert.Equal(expected.Retrieval, ofBytes.EvaluateRetrieval(View(Photos)));
        Assert.Equal(ofPaths.EvaluateMonotonicity(View(Photos)), ofBytes.EvaluateMonotonicity(View(Photos)));
        using ClipEmbedder embedder = ofBytes.CreateEmbedder();
        Assert.Equal(expected.Retrieval, embedder.Evaluate(View(Photos), "ImageSource").Retrieval);
    }

    [Fact]
    public void Images_are_searched_by_bytes()
    {
        Photo[] photos = Photos[..16];
        using TransformerChain<HiMoClipImageSearchTransformer> search = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "ImageSource", captionColumnName: null)
            .Append(tiny.MLContext.Transforms.HiMoClipImageSearch(k: 2)).Fit(View(photos));
        IDataView queries = View(photos.AsEnumerable().Reverse().Select(photo => new ModelInput { ImageSource = photo.ImageSource }).ToArray());

        Assert.Equal(photos.AsEnumerable().Reverse().Select(photo => photo.ImagePath), search.Transform(queries).GetColumn<string[]>("SearchResults").Select(names => names[0]));
    }

    [Fact]
    public void Model_Builders_classes_and_ML_NETs_raw_images_fit()
    {
        using HiMoClipTransformer classifier = Model("ImageSource", labels: ["red", "green"]);
        float[][] scores = [.. classifier.Transform(View(Photos)).GetColumn<float[]>("Score")];
        using PredictionEngine<ModelInput, ModelOutput> engine = tiny.MLContext.Model.CreatePredictionEngine<ModelInput, ModelOutput>(
            classifier, new PredictionEngineOptions { OwnsTransformer = false });
        TinyModel.Close(scores[5], engine.Predict(new() { ImageSource = Photos[5].ImageSource }).Score);

        // ML.NET reads each file into the buffer of the one before.
        TransformerChain<HiMoClipTransformer> chain = tiny.MLContext.Transforms.LoadRawImageBytes("ImageSource", null, "ImagePath")
            .Append(tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "ImageSource", labels: ["red", "green"])).Fit(tiny.Data);
        ModelOutput[] scored = [.. tiny.MLContext.Data.CreateEnumerable<ModelOutput>(chain.Transform(tiny.Data), reuseRowObject: false)];

        Assert.Equal(16, scored.Length);
        foreach ((Photo photo, ModelOutput output, float[] expected) in Photos[..16].Zip(scored, scores))
        {
            Assert.Equal(photo.ImageSource, output.ImageSource);
            TinyModel.Close(expected, output.Score);
        }
    }

    [Fact]
    public void No_bytes_are_a_missing_image()
    {
        Photo[] photos = Photos[..4];
        (photos[1].ImageSource, photos[2].ImageSource) = (null, []);
        using HiMoClipTransformer model = Model("ImageSource");

        float[][] embeddings = Embeddings(model, View(photos));

        Assert.All((float[])[.. embeddings[1], .. embeddings[2]], value => Assert.True(float.IsNaN(value)));
        Assert.Equal(Embeddings(model, View([photos[0], photos[3]])), [embeddings[0], embeddings[3]]);
        Assert.Equal("Row 1 has no image: column 'ImageSource' is empty there.",
            Assert.Throws<InvalidOperationException>(() => model.EvaluateRetrieval(View(photos))).Message);
        HiMoClipOptions options = ToyImages.Options();
        options.ImageColumnName = "ImageSource";
        Assert.Contains("has no image: column 'ImageSource'",
            Assert.Throws<InvalidOperationException>(() => tiny.MLContext.Transforms.HiMoClip(options).Fit(View(photos))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_bytes_are_an_error_that_names_row_and_column()
    {
        const string expected = "Image 'row 37 of column ImageSource' could not be read: it is not an image of a known format";
        using HiMoClipTransformer model = Model("ImageSource");
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.ImageColumnName = "ImageSource";

        foreach (Action fails in (Action[])[
            () => Embeddings(model, View(Damaged(37))),
            () => model.EvaluateRetrieval(View(Damaged(37))),
            () => tiny.MLContext.Transforms.HiMoClip(options).Fit(View(Damaged(37)))])
        {
            Assert.StartsWith(expected, Assert.Throws<ImageReadException>(fails).Message, StringComparison.Ordinal);
        }

        options.MaxUnreadableShare = 0.1;
        tiny.MLContext.Transforms.HiMoClip(options).Fit(View(Damaged(37))).Dispose();
        HiMoClipMetrics metrics = model.Evaluate(View(Damaged(3)[..16]), new() { MaxUnreadableShare = 0.1 });
        Assert.Equal((1, 15), (metrics.UnreadableCount, metrics.ImageCount));
        Assert.Contains("1 of 16 images", Assert.Single(metrics.Notes), StringComparison.Ordinal);
        using PredictionEngine<ModelInput, ModelOutput> engine = tiny.MLContext.Model.CreatePredictionEngine<ModelInput, ModelOutput>(model);
        Assert.Contains("of column ImageSource", Assert.Throws<ImageReadException>(() => engine.Predict(new() { ImageSource = s_noImage })).Message, StringComparison.Ordinal);
        // An engine goes on after it.
        Assert.DoesNotContain(float.NaN, engine.Predict(new() { ImageSource = Photos[0].ImageSource }).ImageEmbedding);
    }

    [Fact]
    public void The_limits_of_files_hold_for_bytes()
    {
        Photo[] photos = Photos[..1];
        photos[0].ImageSource = PngFile.Create(70_000, 8, 2, [], height: 1);
        using HiMoClipTransformer model = Model("ImageSource");

        ImageReadException error = Assert.Throws<ImageReadException>(() => Embeddings(model, View(photos)));

        Assert.True(error.IsTooLarge);
        Assert.Contains("ImageSide", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Other_vectors_are_refused_by_name()
    {
        IDataView floats = View([new { ImageSource = new float[4], Caption = "Two colours." }]);
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(
            () => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "ImageSource").Fit(floats));
        Assert.Contains("Column 'ImageSource' has the wrong type: expected text (a file path), an image (MLImage) or a vector of bytes", error.Message, StringComparison.Ordinal);

        using HiMoClipTransformer model = Model("ImageSource");
        Assert.Contains("Column 'ImageSource' has the wrong type", Assert.Throws<ArgumentOutOfRangeException>(() => model.Transform(floats)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => model.Transform(View([new { ImageSource = (byte)1 }])));
        Assert.Throws<ArgumentOutOfRangeException>(() => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, "Caption", "ImageSource").Fit(View(Photos)));
    }

    [Theory]
    [InlineData(2, "ImageEmbedding")]
    [InlineData(1, "ImageEmbedding", "ImageSource")]
    public void A_batch_ends_early_where_its_bytes_are_large(int expected, params string[] columns)
    {
        // 17 MB each, of which the decoder needs the beginning; a batch holds 32 MB, and what is passed on is held once more.
        byte[] large = new byte[17 << 20];
        Photos[0].ImageSource!.CopyTo(large, 0);
        int read = 0;
        using HiMoClipTransformer model = Model("ImageSource");
        IDataView scored = model.Transform(View(Enumerable.Range(0, 5).Select(i =>
        {
            read = i + 1;
            return new ModelInput { ImageSource = large };
        })));

        using DataViewRowCursor cursor = scored.GetRowCursor(columns.Select(name => scored.Schema[name]));
        Assert.True(cursor.MoveNext());

        Assert.Equal(expected, read);
        Assert.True(cursor.MoveNext());
        float[] whole = Embeddings(model, View(Photos[..1]))[0];
        Assert.All(Embeddings(model, View(Enumerable.Repeat(new ModelInput { ImageSource = large }, 5))), embedding => TinyModel.Close(whole, embedding));
    }
}
