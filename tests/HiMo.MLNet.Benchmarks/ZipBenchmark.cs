using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Embedding;
using Microsoft.ML;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Saving and loading a model zip of ViT-B/16, beside safetensors; and loading a classifier of 1,000 labels with 80 templates.</summary>
internal static class ZipBenchmark
{
    private const int Rounds = 3, Labels = 1_000, Templates = 80;

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
    }

    public static void Run()
    {
        string folder = Directory.CreateTempSubdirectory("himo-zip").FullName;
        try
        {
            string checkpoint = Path.Combine(folder, "model.safetensors"), zip = Path.Combine(folder, "model.zip");
            RandomModel.Write(checkpoint);
            var mlContext = new MLContext(1);
            IDataView data = mlContext.Data.LoadFromEnumerable(new[] { new Row() });
            using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(checkpoint).Fit(data);
            using HiMoClipTransformer classifier = Classifier(model);
            string classifierZip = Path.Combine(folder, "classifier.zip");
            mlContext.Model.Save(classifier, data.Schema, classifierZip);
            string other = Path.Combine(folder, "other.safetensors");
            double save = Compare("save", () => mlContext.Model.Save(model, data.Schema, zip), () => model.SaveCheckpoint(other));
            double load = Compare("load", () => Load(zip), () => ClipEmbedder.Load(checkpoint).Dispose());
            double labels = Compare("load, with labels", () => Load(classifierZip), () => Load(zip));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"zip {new FileInfo(zip).Length / 1e6:f0} MB, safetensors {new FileInfo(checkpoint).Length / 1e6:f0} MB; save {save:f2} and load {load:f2} times safetensors, {Labels} labels × {Templates} templates {labels:f2} times the bare model"));

            void Load(string path)
            {
                using var loaded = (IDisposable)mlContext.Model.Load(path, out _);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Random classes: what the templates' embeddings are does not matter here, and 80,000 of them take long.
    private static HiMoClipTransformer Classifier(HiMoClipTransformer model)
    {
        var random = new Random(1);
        string[] labels = [.. Enumerable.Range(0, Labels).Select(i => $"label {i}")];
        string[] templates = [.. Enumerable.Range(0, Templates).Select(i => $"image {i} of a {{0}}.")];
        float[] classes = [.. Enumerable.Range(0, Labels * model.Encoder.Dimension).Select(_ => random.NextSingle() - 0.5f)];
        var head = new ZeroShotHead(model.Encoder, labels, templates, null, classes);
        return new(model.Encoder.Share(), model.Columns, null, head);
    }

    private static double Compare(string work, Action zip, Action other)
    {
        (List<double> ofZip, List<double> ofOther) = ([], []);
        for (int round = 0; round < Rounds; round++)
        {
            ofZip.Add(Seconds(zip));
            ofOther.Add(Seconds(other));
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{work}: {string.Join(", ", ofZip.Order().Select(s => $"{s:f2}"))} s, beside {string.Join(", ", ofOther.Order().Select(s => $"{s:f2}"))} s"));
        return ofZip.Order().ElementAt(Rounds / 2) / ofOther.Order().ElementAt(Rounds / 2);
    }

    private static double Seconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }
}
