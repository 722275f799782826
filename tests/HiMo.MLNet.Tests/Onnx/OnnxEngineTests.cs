using HiMo.MLNet.Onnx;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Onnx;

/// <summary>Exported graphs in the place of a checkpoint: the same embeddings, pipelines and errors, on ONNX Runtime.</summary>
public sealed class OnnxEngineTests : IDisposable
{
    private static readonly string[] s_texts =
        ["The top is red.", "Two colours. The top is blue. The bottom is yellow.", "", string.Join(' ', Enumerable.Repeat("a long text", 100))];

    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    private string At(string name) => Path.Combine(_images.Folder, name);

    /// <summary>A checkpoint, and the folder of its graphs.</summary>
    private (string Checkpoint, string Folder) Exported(OnnxPrecision precision = OnnxPrecision.Float32)
    {
        string checkpoint = _images.Checkpoint(), folder = At("exported");
        using var model = ClipEmbedder.Load(checkpoint);
        model.SaveOnnx(folder, precision);
        return (checkpoint, folder);
    }

    private static float Difference(float[][] found, float[][] expected) =>
        found.Zip(expected, (f, e) => f.Zip(e, (a, b) => MathF.Abs(a - b)).Max()).Max();

    [Theory]
    [InlineData(OnnxPrecision.Float32, 1e-5f)]
    [InlineData(OnnxPrecision.Float16, 5e-3f)]
    [InlineData(OnnxPrecision.Int8, 0.1f)]
    public void Graphs_embed_as_the_checkpoint_does(OnnxPrecision precision, float tolerance)
    {
        (string checkpoint, string folder) = Exported(precision);
        using var torch = ClipEmbedder.Load(checkpoint);
        using var onnx = ClipEmbedder.Load(folder);
        ClipImage[] images = [.. _images.Rows.Select(row => ClipImage.FromFile(row.ImagePath))];

        Assert.StartsWith("TorchSharp", torch.Engine, StringComparison.Ordinal);
        Assert.StartsWith("ONNX Runtime", onnx.Engine, StringComparison.Ordinal);
        Assert.Equal(torch.Architecture, onnx.Architecture);
        Assert.Equal(torch.LogitScale, onnx.LogitScale, 1e-4f);
        Assert.True(Difference(onnx.EmbedImages(images), torch.EmbedImages(images)) < tolerance);
        Assert.True(Difference(onnx.EmbedTexts(s_texts), torch.EmbedTexts(s_texts)) < tolerance);
        Assert.Equal(onnx.EmbedText(s_texts[0]), ClipEmbedder.Load(Path.Combine(folder, "onnx", Path.GetFileName(
            OnnxExport.VisionFile(precision)))).EmbedText(s_texts[0]));
    }

    [Fact]
    public void A_ResNet_embeds_as_its_checkpoint_does()
    {
        string checkpoint = GoldenFile.PathOf("tiny-rn.safetensors"), folder = At("resnet");
        using var torch = ClipEmbedder.Load(checkpoint);
        torch.SaveOnnx(folder);
        using var onnx = ClipEmbedder.Load(folder);

        ClipImage image = _images.Rows[3].ImagePath;
        Assert.True(Difference([onnx.EmbedImage(image)], [torch.EmbedImage(image)]) < 1e-5f);
    }

    private sealed class Prediction
    {
        public float[] ImageEmbedding { get; set; } = [];
        public float[] Score { get; set; } = [];
    }

    [Fact]
    public void A_pipeline_takes_the_folder_as_it_takes_the_checkpoint()
    {
        (string checkpoint, string folder) = Exported();
        var mlContext = new MLContext();
        List<string> log = [];
        mlContext.Log += (_, e) => log.Add(e.RawMessage);
        IDataView data = mlContext.Data.LoadFromEnumerable(_images.Rows);
        string[] labels = ["red", "green", "blue"];

        using HiMoClipTransformer torch = mlContext.Transforms.HiMoClip(checkpoint, labels: labels).Fit(data);
        using HiMoClipTransformer onnx = mlContext.Transforms.HiMoClip(folder, labels: labels).Fit(data);

        Assert.Contains(log, line => line.Contains("runs on ONNX Runtime", StringComparison.Ordinal));
        foreach (string column in (string[])["ImageEmbedding", "TextEmbedding", "Score"])
        {
            Assert.True(Difference(
                [.. onnx.Transform(data).GetColumn<float[]>(column)], [.. torch.Transform(data).GetColumn<float[]>(column)]) < 1e-4f, column);
        }

        using PredictionEngine<ToyImages.Row, Prediction> engine =
            mlContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(onnx, new PredictionEngineOptions { OwnsTransformer = false });
        Assert.Equal(onnx.Transform(data).GetColumn<float[]>("ImageEmbedding").First(), engine.Predict(_images.Rows[0]).ImageEmbedding);
        Assert.Contains("ONNX Runtime", Assert.Throws<InvalidOperationException>(() => onnx.SaveCheckpoint(At("w.safetensors"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_share_one_session()
    {
        (_, string folder) = Exported();
        using var onnx = ClipEmbedder.Load(folder);
        float[] expected = onnx.EmbedText(s_texts[1]);

        Parallel.For(0, 32, _ => Assert.Equal(expected, onnx.EmbedText(s_texts[1])));
    }

    [Fact]
    public void Graphs_that_do_not_fit_are_told()
    {
        (_, string folder) = Exported();
        string vision = Path.Combine(folder, OnnxExport.VisionFile(OnnxPrecision.Float32)), text = Path.Combine(folder, OnnxExport.TextFile(OnnxPrecision.Float32));
        byte[] whole = File.ReadAllBytes(vision);
        string Refused() => Assert.Throws<CheckpointFormatException>(() => ClipEmbedder.Load(folder)).Message;

        File.WriteAllBytes(vision, whole[..(whole.Length / 2)]);
        Assert.Contains("cannot load the graph", Refused(), StringComparison.Ordinal);
        File.Copy(text, vision, overwrite: true);
        Assert.Contains("expected 'pixel_values'", Refused(), StringComparison.Ordinal);
        new OnnxGraph("foreign").Save(vision, OnnxGraph.MaxInlineBytes);
        Assert.Contains(vision, Refused(), StringComparison.Ordinal);
        File.WriteAllBytes(vision, whole);
        using (var other = ClipEmbedder.Load(GoldenFile.PathOf("tiny-vit.pt")))
        {
            other.SaveOnnx(At("other"));
        }

        File.Copy(Path.Combine(At("other"), OnnxExport.TextFile(OnnxPrecision.Float32)), text, overwrite: true);
        Assert.Contains("text tower of another", Refused(), StringComparison.Ordinal);
        File.Delete(text);
        Assert.Contains("found no such file", Refused(), StringComparison.Ordinal);
    }
}
