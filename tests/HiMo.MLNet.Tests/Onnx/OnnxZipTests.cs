using System.IO.Compression;
using System.Text;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Onnx;

/// <summary>Exported graphs in an ML.NET zip: saved and loaded as any model is, with the same promises. OnnxProgramTests.cs loads one
/// without torch.</summary>
public sealed class OnnxZipTests : IDisposable
{
    private static readonly string[] s_labels = ["red", "green", "blue"];

    private readonly ToyImages _images = new();
    private readonly MLContext _mlContext = new();

    public void Dispose() => _images.Dispose();

    private string At(string name) => Path.Combine(_images.Folder, name);

    private IDataView Data => _mlContext.Data.LoadFromEnumerable(_images.Rows);

    private string Export(OnnxPrecision precision = OnnxPrecision.Float32, string name = "exported", long maxInlineBytes = OnnxGraph.MaxInlineBytes)
    {
        using ClipModel model = ClipWeights.Load(_images.Checkpoint());
        OnnxExport.Save(model, At(name), precision, maxInlineBytes);
        return At(name);
    }

    private HiMoClipTransformer Classifier(string model) => _mlContext.Transforms.HiMoClip(model, labels: s_labels).Fit(Data);

    private string Save(string folder, string name = "model.zip")
    {
        using HiMoClipTransformer classifier = Classifier(folder);
        _mlContext.Model.Save(classifier, Data.Schema, At(name));
        return At(name);
    }

    private float[][] Numbers(ITransformer model, string column) => [.. model.Transform(Data).GetColumn<float[]>(column)];

    private static string[] Entries(string zip)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        return [.. archive.Entries.Select(e => e.Name).Where(name => name.Contains('.', StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>Replaces the end of an entry's name and content, in the place of its hash if asked for.</summary>
    private static void Replace(string zip, string name, Func<byte[], byte[]>? change, bool keepHashes = false)
    {
        using ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update);
        ZipArchiveEntry entry = archive.Entries.First(e => e.Name == name);
        using var content = new MemoryStream();
        using (Stream stream = entry.Open())
        {
            stream.CopyTo(content);
        }

        string folder = entry.FullName[..^name.Length];
        entry.Delete();
        if (!keepHashes)
        {
            archive.GetEntry(folder + "Sha256.txt")!.Delete();
        }

        if (change is not null)
        {
            using Stream written = archive.CreateEntry(folder + name).Open();
            written.Write(change(content.ToArray()));
        }
    }

    private string Refused(string zip) => Assert.Throws<CheckpointFormatException>(() => _mlContext.Model.LoadHiMoClip(zip, out _)).Message;

    [Theory]
    [InlineData(OnnxPrecision.Float32, "")]
    [InlineData(OnnxPrecision.Float16, "_fp16")]
    [InlineData(OnnxPrecision.Int8, "_int8")]
    public void A_classifier_of_graphs_is_saved_and_loaded_by_plain_ML_NET(OnnxPrecision precision, string ending)
    {
        string folder = Export(precision);
        using HiMoClipTransformer classifier = Classifier(folder);
        string zip = Save(folder);
        Directory.Delete(folder, recursive: true);

        using var loaded = (IDisposable)_mlContext.Model.Load(zip, out _);
        HiMoClipTransformer model = ((ITransformer)loaded).HiMoClipTransformers().Single();

        Assert.Subset(Entries(zip).ToHashSet(), new HashSet<string>([$"text_model{ending}.onnx", $"vision_model{ending}.onnx", "Labels.bin"]));
        Assert.DoesNotContain("Weights.safetensors", Entries(zip));
        Assert.StartsWith("ONNX Runtime", model.Engine, StringComparison.Ordinal);
        Assert.Equal(s_labels, model.Labels);
        Assert.Equal(classifier.Encoder.WeightsHash, model.Encoder.WeightsHash);
        foreach (string column in (string[])["ImageEmbedding", "TextEmbedding", "Score"])
        {
            Assert.Equal(Numbers(classifier, column), Numbers((ITransformer)loaded, column));
        }
    }

    private sealed class Prediction
    {
        public float[] Score { get; set; } = [];
    }

    [Fact]
    public void Weights_beside_a_graph_go_with_it_and_a_loaded_model_is_saved_again()
    {
        string folder = Export(OnnxPrecision.Float16, maxInlineBytes: 0);
        string first = Save(folder);
        Directory.Delete(folder, recursive: true);
        using HiMoClipTransformer inline = Classifier(Export(OnnxPrecision.Float16));

        ITransformer loaded = _mlContext.Model.Load(first, out DataViewSchema schema);
        ITransformer chain = loaded.Append(_mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(loaded.Transform(Data)));
        _mlContext.Model.Save(chain, schema, At("again.zip"));
        ((IDisposable)loaded).Dispose();
        ITransformer again = _mlContext.Model.Load(At("again.zip"), out _);

        Assert.Contains("vision_model_fp16.onnx_data", Entries(first));
        Assert.Subset(Entries(At("again.zip")).ToHashSet(), Entries(first).ToHashSet());
        Assert.Equal(Numbers(inline, "Score"), Numbers(again, "Score"));
        using PredictionEngine<ToyImages.Row, Prediction> engine = _mlContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(again);
        Assert.Equal(Numbers(inline, "Score")[1], engine.Predict(_images.Rows[1]).Score);
    }

    [Fact]
    public void The_zip_stands_where_a_checkpoint_may_but_to_train()
    {
        string zip = Save(Export());
        using HiMoClipTransformer saved = Classifier(zip);
        using var embedder = ClipEmbedder.Load(zip);

        Assert.StartsWith("ONNX Runtime", embedder.Engine, StringComparison.Ordinal);
        Assert.Equal(s_labels, embedder.SavedClassifier!.Labels);
        Assert.Equal(Numbers(saved, "ImageEmbedding")[0], embedder.EmbedImage(_images.Rows[0].ImagePath));
        string message = Assert.Throws<CheckpointFormatException>(
            () => _mlContext.Transforms.HiMoClip(new HiMoClipOptions { Checkpoint = zip, Epochs = 1, BatchSize = 4 }).Fit(Data)).Message;
        Assert.Contains("saved as ONNX graphs", message, StringComparison.Ordinal);
        Assert.Contains("saved as ONNX graphs", Assert.Throws<CheckpointFormatException>(() => ClipCheckpoint.Inspect(zip)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_and_foreign_graphs_in_a_zip_are_refused()
    {
        string folder = Export(), whole = Save(folder);
        byte[] text = File.ReadAllBytes(Path.Combine(folder, OnnxExport.TextFile(OnnxPrecision.Float32)));
        new OnnxGraph("foreign").Save(At("foreign.onnx"), OnnxGraph.MaxInlineBytes);
        string ToldOf(string name, Func<byte[], byte[]>? change, bool keepHashes = false)
        {
            string zip = At("damaged.zip");
            File.Copy(whole, zip, overwrite: true);
            Replace(zip, name, change, keepHashes);
            return Refused(zip);
        }

        Assert.Contains("vision_model.onnx: the file is damaged: expected the SHA-256", ToldOf("vision_model.onnx", graph =>
        {
            graph[^5] ^= 1;
            return graph;
        }, keepHashes: true), StringComparison.Ordinal);
        Assert.Contains("the model zip: vision_model.onnx: ONNX Runtime cannot load the graph", ToldOf("vision_model.onnx", graph => graph[..1000]),
            StringComparison.Ordinal);
        Assert.Contains("the model zip: vision_model.onnx: ", ToldOf("vision_model.onnx", _ => File.ReadAllBytes(At("foreign.onnx"))), StringComparison.Ordinal);
        Assert.Contains("expected 'pixel_values'", ToldOf("vision_model.onnx", _ => text), StringComparison.Ordinal);
        Assert.Contains("text_model.onnx: expected the graph beside vision_model.onnx", ToldOf("text_model.onnx", null), StringComparison.Ordinal);
        Assert.Contains("the model zip: expected the graphs of the architecture in the settings", ToldOf("Settings.json",
            settings => Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(settings).Replace("\"QuickGelu\"", "\"Gelu\"", StringComparison.Ordinal))),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("////////////etc/passwd")]                                    // of one length, so that the lengths around it stay right
    [InlineData("../ion_model.onnx_data")]
    [InlineData("other_model.onnx_data_")]
    public void Weights_elsewhere_are_refused(string location)
    {
        string folder = Export(maxInlineBytes: 0), vision = Path.Combine(folder, OnnxExport.VisionFile(OnnxPrecision.Float32));
        byte[] name = Encoding.ASCII.GetBytes("vision_model.onnx_data"), graph = File.ReadAllBytes(vision);
        Assert.Equal(name.Length, location.Length);
        for (int at; (at = graph.AsSpan().IndexOf(name)) >= 0;)
        {
            Encoding.ASCII.GetBytes(location, graph.AsSpan(at));
        }

        string zip = Save(folder);
        File.WriteAllBytes(vision, graph);
        Replace(zip, "vision_model.onnx", _ => graph);

        string expected = $"expected its weights in the file or in vision_model.onnx_data beside it, found them in '{location}'";
        Assert.Contains(expected, Assert.Throws<CheckpointFormatException>(() => ClipEmbedder.Load(folder)).Message, StringComparison.Ordinal);
        Assert.Contains(expected, Refused(zip), StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_without_its_weights_is_refused()
    {
        string zip = Save(Export(maxInlineBytes: 0));
        Replace(zip, "text_model.onnx_data", null);
        Assert.Contains("text_model.onnx: expected its weights in the file or in text_model.onnx_data beside it, found them in "
            + "'text_model.onnx_data', and no such file beside it", Refused(zip), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_in_the_temporary_folder()
    {
        string zip = Save(Export());
        string[] before = Folders();

        using var loaded = (IDisposable)_mlContext.Model.Load(zip, out _);

        // What others load meanwhile goes, too.
        Assert.True(SpinWait.SpinUntil(() => Folders().Except(before).ToArray().Length == 0, TimeSpan.FromSeconds(30)));

        static string[] Folders() => Directory.GetDirectories(Path.GetTempPath(), "himo-graphs-*");
    }
}
