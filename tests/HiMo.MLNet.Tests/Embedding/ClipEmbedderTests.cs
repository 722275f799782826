using System.Diagnostics;
using HiMo.MLNet.Tests.Composition;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Embedding;

/// <summary>Models without a pipeline: they embed as the pipeline does, in every way in.</summary>
public sealed class ClipEmbedderTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private float[][] Column(string name)
    {
        using HiMoClipTransformer model = tiny.Fit();
        return [.. model.Transform(tiny.Data).GetColumn<float[]>(name)];
    }

    [Fact]
    public void Images_of_every_kind_are_embedded_as_a_pipeline_does()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        string path = tiny.Images.Rows[0].ImagePath;
        using FileStream stream = File.OpenRead(path);
        using var image = MLImage.CreateFromFile(path);

        float[][] embedded = clip.EmbedImages([path, ClipImage.FromBytes(File.ReadAllBytes(path)), ClipImage.FromStream(stream), image]);

        float[] expected = Column("ImageEmbedding")[0];
        Assert.All(embedded, embedding => TinyModel.Close(expected, embedding));
        Assert.Equal(1, ClipEmbedder.Similarity(embedded[0], embedded[0]), 1e-5f);
    }

    [Fact]
    public void Reduced_JPEGs_are_embedded_a_little_otherwise_and_everywhere_alike()
    {
        string photograph = GoldenFile.PathOf("images/rocket.jpg");
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        float[] whole = clip.EmbedImage(photograph);
        clip.ReduceJpegs = true;
        float[] reduced = clip.EmbedImage(photograph);
        using HiMoClipTransformer model = tiny.Fit();
        model.ReduceJpegs = true;
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(new[] { new ToyImages.Row { ImagePath = photograph, Caption = "" } });

        Assert.NotEqual(whole, reduced);
        Assert.InRange(ClipEmbedder.Similarity(whole, reduced), 0.99f, 0.9999999f);
        TinyModel.Close(reduced, model.Transform(data).GetColumn<float[]>("ImageEmbedding").Single());
        TinyModel.Close(reduced, clip.EmbedImages([ClipImage.FromBytes(File.ReadAllBytes(photograph))])[0]);
    }

    [Fact]
    public async Task Texts_keep_their_order_whatever_their_lengths()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);
        string[] texts = [.. tiny.Images.Rows.Select(row => row.Caption), "red", string.Join(' ', Enumerable.Repeat("green", 300))];

        float[][] embedded = await clip.EmbedTextsAsync(texts);

        Assert.All(Column("TextEmbedding").Zip(embedded), pair => TinyModel.Close(pair.First, pair.Second));
        Assert.All(texts.Zip(embedded), pair => TinyModel.Close(clip.EmbedText(pair.First), pair.Second));
    }

    [Fact]
    public void A_classifier_says_what_the_pipelines_says()
    {
        string zip = tiny.FileName("classifier.zip");
        using (HiMoClipTransformer model = tiny.Fit(), labelled = model.ForZeroShot(["red", "green"], ["the top is {0}"]))
        {
            tiny.MLContext.Model.Save(labelled, tiny.Data.Schema, zip);
            float[][] scores = [.. labelled.Transform(tiny.Data).GetColumn<float[]>("Score")];
            using var clip = ClipEmbedder.Load(zip);
            ClipClassifier classifier = clip.CreateClassifier(["red", "green"], ["the top is {0}"]);

            foreach ((ToyImages.Row row, float[] expected) in tiny.Images.Rows.Zip(scores))
            {
                ClipPrediction prediction = classifier.Classify(row.ImagePath);
                TinyModel.Close(expected, prediction.Probabilities);
                Assert.Equal(expected[0] > expected[1] ? "red" : "green", prediction.Label);
            }

            Assert.Null(clip.CreateClassifier(["red"], threshold: 1).Classify(tiny.Images.Rows[0].ImagePath).Label);
        }
    }

    [Fact]
    public void Shares_the_weights_of_a_transformer_and_outlives_it()
    {
        HiMoClipTransformer model = tiny.Fit();
        using ClipEmbedder clip = model.CreateEmbedder();
        model.Dispose();

        Assert.Equal(clip.Dimension, clip.EmbedText("red").Length);
        clip.Dispose();
        Assert.Throws<ObjectDisposedException>(() => clip.EmbedText("red"));
        Assert.Throws<ObjectDisposedException>(model.CreateEmbedder);
    }

    [Fact]
    public async Task Bad_input_is_named_and_a_cancelled_call_ends()
    {
        using var clip = ClipEmbedder.Load(tiny.Checkpoint);

        Assert.Contains("nowhere.png", Assert.Throws<ImageReadException>(() => clip.EmbedImage("nowhere.png")).Message);
        Assert.Contains("upload", Assert.Throws<ImageReadException>(() => clip.EmbedImage(ClipImage.FromBytes(new byte[3], "upload"))).Message);
        Assert.Contains("nowhere.pt", Assert.Throws<FileNotFoundException>(() => ClipEmbedder.Load("nowhere.pt")).Message);
        Assert.Contains("'tpu'", Assert.Throws<ArgumentException>(() => ClipEmbedder.Load(tiny.Checkpoint, "tpu")).Message);
        string noGpu = Assert.Throws<InvalidOperationException>(() => ClipEmbedder.Load(tiny.Checkpoint, "cuda")).Message;
        Assert.StartsWith("The device 'cuda' was asked for", noGpu);
        Assert.Contains("TorchSharp-cuda", noGpu);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => clip.EmbedTextsAsync(["red"], new CancellationToken(canceled: true)));
    }

    [Fact]
    public void The_readme_program_runs()
    {
        string folder = Directory.CreateDirectory(tiny.FileName("readme")).FullName;
        File.Copy(tiny.Images.Rows[0].ImagePath, Path.Combine(folder, "tom.jpg"));
        using (HiMoClipTransformer model = tiny.Fit())
        {
            tiny.MLContext.Model.Save(model, tiny.Data.Schema, Path.Combine(folder, "model.zip"));
        }

        var start = new ProcessStartInfo("dotnet", [typeof(ClipEmbedderTests).Assembly.Location, "readme-embedding"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        using Process program = Process.Start(start)!;
        string output = program.StandardOutput.ReadToEnd();
        program.WaitForExit();

        Assert.Equal(0, program.ExitCode);
        Assert.Matches(@"^cat -?\d\.\d\d, dog -?\d\.\d\d\n(cat|dog)$", output.ReplaceLineEndings("\n").Trim());
    }
}
