using System.Numerics.Tensors;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class HiMoClipEvaluationTests(HiMoClipTransformerTests.Trained trained) : IClassFixture<HiMoClipTransformerTests.Trained>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private List<ToyImages.Row> Rows => trained.Images.Rows;

    private IDataView View(IEnumerable<ToyImages.Row> rows) => trained.MLContext.Data.LoadFromEnumerable(rows.ToArray());

    private float[][] Embed(string column, IEnumerable<ToyImages.Row> rows) => [.. trained.Model.Transform(View(rows)).GetColumn<float[]>(column)];

    private float[] Similarities(ToyImages.Row row, IEnumerable<string> texts)
    {
        float[] image = Embed("ImageEmbedding", [row]).Single();
        return [.. Embed("TextEmbedding", texts.Select(t => new ToyImages.Row { Caption = t })).Select(text => TensorPrimitives.Dot(image, text))];
    }

    public static TheoryData<string> LayoutsWithCaptions => [.. ToyDataSets.WithCaptions];

    [Theory]
    [MemberData(nameof(LayoutsWithCaptions))]
    public void Every_layout_gives_the_figures_of_its_images_and_captions(string format)
    {
        List<ToyImages.Row> rows = Rows[..8];
        string spec = ToyDataSets.Write(format, _folder.FullPath, rows);

        HiMoClipMetrics metrics = trained.Model.Evaluate(spec);

        Assert.Equal((format, spec, 8, 8), (metrics.Format, metrics.DataName, metrics.ImageCount, metrics.Captions.Count));
        Assert.Equal(trained.Model.EvaluateRetrieval(View(rows)), metrics.Retrieval);
        Assert.Equal([trained.Model.EvaluateMonotonicity(View(rows), 2), trained.Model.EvaluateMonotonicity(View(rows), 3)], metrics.Monotonicity);
        Assert.Empty(metrics.Notes);
    }

    [Fact]
    public void Recall_is_that_of_the_embedding_columns()
    {
        float[][] images = Embed("ImageEmbedding", Rows), texts = Embed("TextEmbedding", Rows);
        int[] first = [.. images.Select(image => Array.IndexOf(texts, texts.MaxBy(text => TensorPrimitives.Dot(image, text))))];

        RetrievalMetrics metrics = trained.Model.EvaluateRetrieval(trained.Data);

        Assert.Equal(100.0 * first.Where((found, i) => found == i).Count() / 16, metrics.ImageToTextRecallAt1, 1e-9);
    }

    [Fact]
    public void Rows_with_the_same_path_are_one_image_with_several_captions()
    {
        HiMoClipMetrics metrics = trained.Model.Evaluate(View([.. Rows, .. Rows.Select(r => new ToyImages.Row { ImagePath = r.ImagePath, Caption = "Another." })]));

        Assert.Equal((16, 32), (metrics.ImageCount, metrics.Captions.Count));
        Assert.Equal((16, 32), (metrics.Retrieval!.ImageCount, metrics.Retrieval.TextCount));
        Assert.Equal([16, 16], metrics.Monotonicity.Select(m => m.TooShortCount));
    }

    [Fact]
    public void Growing_texts_of_the_data_are_compared_as_they_are()
    {
        string spec = ToyDataSets.Write("himo-docci", _folder.FullPath, Rows[..5]);
        double[] correlations = [.. Rows[..5].Select(row =>
        {
            // For three texts the correlation of (1, 2, 3) with (a, b, c) is (c − a) / √2 over the spread of (a, b, c).
            float[] s = Similarities(row, ToyDataSets.Growing(row));
            double mean = s.Average();
            return (s[2] - s[0]) / Math.Sqrt(2 * s.Sum(v => (v - mean) * (v - mean)));
        })];

        HiMoClipMetrics metrics = trained.Model.Evaluate(spec);

        MonotonicityMetrics himo = Assert.Single(metrics.Monotonicity);
        Assert.Null(himo.K);
        Assert.Equal(5, himo.ScoredCount);
        Assert.Equal(correlations.Average(), himo.Score, 1e-3);
        Assert.Equal((5, 3), (metrics.Captions.Count, metrics.Captions.MeanParts));
        Assert.Equal(himo.Score, trained.Model.EvaluateMonotonicity(trained.MLContext.Data.LoadFromImageCaptions(_folder.FullPath)).Score, 1e-5);
        Assert.Equal(trained.Model.EvaluateRetrieval(View(Rows[..5])), metrics.Retrieval);
    }

    [Fact]
    public void Growing_texts_need_paths_to_be_told_apart()
    {
        IDataView data = trained.MLContext.Transforms.LoadImages("ImagePath", null, "ImagePath").Fit(trained.Data).Transform(trained.Data);

        Assert.Contains("'ImagePath'", Assert.Throws<ArgumentOutOfRangeException>(() => trained.Model.EvaluateMonotonicity(data)).Message);
    }

    [Fact]
    public void Images_in_memory_give_the_figures_of_their_files()
    {
        IDataView data = trained.MLContext.Transforms.LoadImages("ImagePath", null, "ImagePath").Fit(trained.Data).Transform(trained.Data);

        Assert.Equal(trained.Model.EvaluateRetrieval(trained.Data), trained.Model.EvaluateRetrieval(data));
    }

    [Fact]
    public void A_COLA_row_is_right_when_both_captions_prefer_their_own_image()
    {
        List<ToyImages.Row> rows = [.. Rows, Rows[0], Rows[9]];             // two images come twice
        int right = rows.Chunk(2).Count(pair =>
            Similarities(pair[0], [pair[0].Caption])[0] > Similarities(pair[1], [pair[0].Caption])[0]
            && Similarities(pair[1], [pair[1].Caption])[0] > Similarities(pair[0], [pair[1].Caption])[0]);

        ColaMetrics metrics = trained.Model.EvaluateCola(View(rows));

        Assert.Equal((9, right), (metrics.RowCount, metrics.CorrectCount));
        Assert.Equal(metrics, trained.Model.Evaluate(ToyDataSets.Write("cola", _folder.FullPath, rows)).Cola);
        Assert.Contains("17 images", Assert.Throws<ArgumentException>(() => trained.Model.EvaluateCola(View(rows[..17]))).Message);
    }

    [Fact]
    public void Class_folders_are_classified_by_names_in_templates()
    {
        string spec = ToyDataSets.Write("class-folder", _folder.FullPath, Rows);
        string[] labels = ["blue", "green", "red", "yellow"], templates = ["The top is {0}.", "{0}"];
        using HiMoClipTransformer classifier = trained.Model.ForZeroShot(labels, templates);
        IDataView labelled = trained.MLContext.Data.LoadFromEnumerable(Rows.Select(r => new { r.ImagePath, Label = ToyDataSets.Class(r) }).ToArray());
        uint[] predicted = [.. classifier.Transform(labelled).GetColumn<uint>("PredictedLabel")];

        ZeroShotMetrics metrics = trained.Model.Evaluate(spec, new() { Templates = templates }).ZeroShot!;

        Assert.Equal(100.0 * predicted.Where((p, i) => labels[p - 1] == ToyDataSets.Class(Rows[i])).Count() / 16, metrics.Top1Accuracy, 1e-9);
        Assert.Equal(100, metrics.Top5Accuracy);
        Assert.Equal(labels.Select(label => (label, 4)), metrics.PerClass.Select(c => (c.Name, c.Count)));
        ZeroShotMetrics fromView = classifier.EvaluateZeroShot(labelled);
        Assert.Equal(metrics.PerClass, fromView.PerClass);
        Assert.Equal(metrics.PerClass, classifier.EvaluateZeroShot(trained.MLContext.Data.LoadFromImageCaptions(spec["class-folder:".Length..]), "Caption").PerClass);
    }

    [Fact]
    public void Class_folders_may_have_other_names_and_classes_without_images()
    {
        string spec = ToyDataSets.Write("class-folder", _folder.FullPath, Rows);
        var names = new Dictionary<string, string> { ["blue"] = "sky", ["green"] = "grass", ["red"] = "fire", ["yellow"] = "sun", ["n0"] = "snow" };

        ZeroShotMetrics metrics = trained.Model.Evaluate(spec, new() { ClassNames = names }).ZeroShot!;

        Assert.Equal([("sky", 4), ("grass", 4), ("fire", 4), ("sun", 4), ("snow", 0)], metrics.PerClass.Select(c => (c.Name, c.Count)));
        names.Remove("red");
        Assert.Contains("class 'red'", Assert.Throws<ArgumentException>(() => trained.Model.Evaluate(spec, new() { ClassNames = names })).Message);
    }

    [Fact]
    public void Zero_shot_needs_a_model_with_labels_that_the_rows_have()
    {
        using HiMoClipTransformer classifier = trained.Model.ForZeroShot(["red", "green"]);
        IDataView labelled = trained.MLContext.Data.LoadFromEnumerable(Rows.Select(r => new { r.ImagePath, Label = ToyDataSets.Class(r) }).ToArray());

        Assert.Contains("ForZeroShot", Assert.Throws<ArgumentException>(() => trained.Model.EvaluateZeroShot(labelled)).Message);
        Assert.Contains("expected one of 'red', 'green'", Assert.Throws<ArgumentException>(() => classifier.EvaluateZeroShot(labelled)).Message);
        Assert.Contains("'Label'", Assert.Throws<ArgumentOutOfRangeException>(() => classifier.EvaluateZeroShot(trained.Data)).Message);
    }

    [Fact]
    public void Without_its_images_a_set_gives_the_length_of_its_captions()
    {
        _folder.Write("himo_docci_data.json", HiMoDocciExcerpt.Text);

        HiMoClipMetrics metrics = trained.Model.Evaluate(_folder.FullPath);

        Assert.Equal((0, 5, 3.0, 5), (metrics.ImageCount, metrics.Captions.Count, metrics.Captions.MeanParts, metrics.Captions.MostParts));
        Assert.Null(metrics.Retrieval);
        string note = Assert.Single(metrics.Notes);
        Assert.Contains("None of the 5 images", note);
        Assert.Contains("test_00000.jpg", note);
    }

    [Fact]
    public void Missing_images_are_an_error_until_a_share_is_allowed()
    {
        string spec = ToyDataSets.Write("docci", _folder.FullPath, Rows[..8]);
        File.Delete(_folder.At("images/002.png"));
        File.WriteAllText(_folder.At("images/005.png"), "not an image");

        string missing = Assert.Throws<InvalidDataException>(() => trained.Model.Evaluate(spec)).Message;
        Assert.Contains("1 of 8 images are missing", missing);
        Assert.Contains("002.png", missing);
        Assert.Contains("line 3", missing);
        Assert.Contains("2 of 8 images cannot be read", Assert.Throws<InvalidDataException>(() => trained.Model.Evaluate(spec, new() { MaxUnreadableShare = 0.2 })).Message);

        HiMoClipMetrics metrics = trained.Model.Evaluate(spec, new() { MaxUnreadableShare = 0.25 });

        Assert.Equal((6, 2, 6), (metrics.ImageCount, metrics.UnreadableCount, metrics.Captions.Count));
        Assert.Contains("2 of 8 images", Assert.Single(metrics.Notes));
        Assert.Equal(trained.Model.EvaluateRetrieval(View(Rows[..8].Where((_, i) => i is not 2 and not 5))), metrics.Retrieval);
    }

    [Fact]
    public void A_COLA_row_with_an_unreadable_image_is_left_out_whole()
    {
        string spec = ToyDataSets.Write("cola", _folder.FullPath, Rows[..8]);
        File.Delete(_folder.At("images/003.png"));

        Assert.Equal(3, trained.Model.Evaluate(spec, new() { MaxUnreadableShare = 0.5 }).Cola!.RowCount);
    }

    [Fact]
    public void Images_without_captions_and_texts_without_images_are_told()
    {
        string urban = ToyDataSets.Write("urban1k", Directory.CreateDirectory(_folder.At("urban")).FullName, Rows[..4]);
        File.Delete(_folder.At("urban/caption/001.txt"));
        string beside = ToyDataSets.Write("image-folder", Directory.CreateDirectory(_folder.At("beside")).FullName, Rows[..4]);
        File.Delete(_folder.At("beside/001.png"));

        HiMoClipMetrics silent = trained.Model.Evaluate(urban), alone = trained.Model.Evaluate(beside);

        Assert.Contains("1 of 4 images have no caption", Assert.Single(silent.Notes));
        Assert.Equal((4, 3), (silent.Retrieval!.ImageCount, silent.Retrieval.ImageQueryCount));
        Assert.Contains("'001.txt'", Assert.Single(alone.Notes));
        File.Delete(_folder.At("beside/002.txt"));
        Assert.Contains("002.txt", Assert.Throws<InvalidDataException>(() => trained.Model.Evaluate(beside)).Message);
    }

    [Fact]
    public void Embeddings_that_are_not_numbers_name_their_text_or_image()
    {
        using HiMoClipTransformer model = trained.Images.Train(trained.MLContext, ToyImages.Options(epochs: 1));
        Fill(model, "text_projection", float.NaN);

        Assert.Contains("the text 'Two colours", Assert.Throws<InvalidOperationException>(() => model.EvaluateRetrieval(trained.Data)).Message);
        Fill(model, "visual.proj", float.NaN);
        Assert.Contains(Rows[0].ImagePath, Assert.Throws<InvalidOperationException>(() => model.EvaluateRetrieval(trained.Data)).Message);
    }

    [Fact]
    public void A_collapsed_model_scores_chance()
    {
        using HiMoClipTransformer model = trained.Images.Train(trained.MLContext, ToyImages.Options(epochs: 1));
        Fill(model, "visual.proj", 0);

        HiMoClipMetrics metrics = model.Evaluate(trained.Data);

        Assert.Equal(100.0 / 16, metrics.Retrieval!.ImageToTextRecallAt1, 1e-9);
        Assert.Equal(500.0 / 16, metrics.Retrieval.TextToImageRecallAt5, 1e-9);
        Assert.All(metrics.Monotonicity, himo => Assert.Equal(0, himo.Score));
    }

    private static void Fill(HiMoClipTransformer model, string tensor, float value)
    {
        using IDisposable _ = torch.no_grad();
        Arithmetic.Fill(ClipWeights.Tensors(model.Encoder.Weights)[tensor], value);
    }

    [Fact]
    public void The_cache_serves_the_same_model_and_content_alone()
    {
        string spec = ToyDataSets.Write("docci", _folder.FullPath, Rows[..8]);
        HiMoClipEvaluationOptions options = new() { CacheFolder = _folder.At("cache") };
        (HiMoClipMetrics first, int computedFirst) = Count(trained.Model);
        (HiMoClipMetrics second, int cachedSecond) = Count(trained.Model);

        // 8 images, 8 captions, and per caption "Two colours." and its first two sentences; the first four share theirs.
        Assert.Equal((0, 8 + 8 + 1 + 2), (computedFirst, cachedSecond));
        Assert.Equal(first.Retrieval, second.Retrieval);
        Assert.Equal(first.Monotonicity, second.Monotonicity);

        File.Copy(Rows[15].ImagePath, _folder.At("images/000.png"), overwrite: true);
        Assert.Equal(8 + 8 + 1 + 2 - 1, Count(trained.Model).Cached);
        using HiMoClipTransformer other = trained.Images.Train(trained.MLContext, ToyImages.Options(epochs: 1));
        Assert.Equal(0, Count(other).Cached);

        (HiMoClipMetrics, int Cached) Count(HiMoClipTransformer model)
        {
            var last = new Last();
            options.Progress = last;
            return (model.Evaluate(spec, options), last.Value!.FromCache);
        }
    }

    [Fact]
    public void A_cancelled_evaluation_leaves_what_it_had_in_the_cache()
    {
        using var cancel = new CancellationTokenSource();
        var last = new Last { OnReport = p => { if (p.Stage == "captions") { cancel.Cancel(); } } };
        HiMoClipEvaluationOptions options = new() { CacheFolder = _folder.At("cache"), Progress = last, CancellationToken = cancel.Token };

        Assert.Throws<OperationCanceledException>(() => trained.Model.Evaluate(trained.Data, options));

        options.CancellationToken = default;
        last.OnReport = null;
        trained.Model.Evaluate(trained.Data, options);
        Assert.Equal(16, last.All.Last(p => p.Stage == "images").FromCache);
    }

    private sealed class Last : IProgress<HiMoClipEvaluationProgress>
    {
        public List<HiMoClipEvaluationProgress> All { get; } = [];

        public HiMoClipEvaluationProgress? Value => All.LastOrDefault();

        public Action<HiMoClipEvaluationProgress>? OnReport { get; set; }

        public void Report(HiMoClipEvaluationProgress value)
        {
            All.Add(value);
            OnReport?.Invoke(value);
        }
    }

    [Fact]
    public void Options_are_checked()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Model.Evaluate(trained.Data, new() { K = [1] }));
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Model.Evaluate(trained.Data, new() { MaxUnreadableShare = 1.5 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => trained.Model.EvaluateMonotonicity(trained.Data, 1));
    }
}
