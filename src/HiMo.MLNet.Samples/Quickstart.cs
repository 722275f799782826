using System.Diagnostics;
using Microsoft.ML;
using Spectre.Console;

namespace HiMo.MLNet.Samples;

/// <summary>Trains on the sample drawings, saves, has a second process load the model and find the descriptions of drawings it never
/// saw, and writes a report.</summary>
internal static class Quickstart
{
    /// <param name="output">The folder of the model and the report.</param>
    /// <param name="epochs">Passes over the drawings.</param>
    /// <param name="drawings">Use only so many; null for all.</param>
    /// <param name="cancellation">Ctrl+C.</param>
    public static void Run(string output, int epochs, int? drawings, CancellationToken cancellation)
    {
        Directory.CreateDirectory(output);
        var mlContext = new MLContext(seed: 1);
        string folder = SampleData.Unpack();
        (IDataView train, IDataView test) = SampleData.Load(mlContext, folder, drawings);
        AnsiConsole.MarkupLine($"[bold]1. Training[/] a small CLIP from scratch on {train.GetRowCount()} drawings ({epochs} epochs, CPU).");

        HiMoClipTransformer model = SampleData.Train(mlContext, train, folder, epochs, cancellation);
        AnsiConsole.MarkupLine($"\n[bold]2. Measuring[/] on {test.GetRowCount()} held-out drawings.");
        HiMoClipMetrics metrics = Measure(model, test, cancellation);

        // Written beside and moved, so that an older model stays until the new one is whole; docs/reliability.md tells more.
        string zip = Path.GetFullPath(Path.Combine(output, "emoji-model.zip")), partial = zip + ".partial";
        using (FileStream file = File.Create(partial))
        {
            mlContext.Model.Save(model.ForZeroShot(Kinds(mlContext, train), ["{0}."]), train.Schema, file);
            file.Flush(flushToDisk: true);
        }
        File.Move(partial, zip, overwrite: true);
        model.Dispose();
        AnsiConsole.MarkupLineInterpolated(
            $"\n[bold]3. Saved[/] {zip} ({new FileInfo(zip).Length / 1e6:f1} MB) with mlContext.Model.Save.");

        AnsiConsole.MarkupLine("\n[bold]4. A second process[/] loads it with mlContext.Model.Load and finds the description of each of "
            + "five held-out drawings.");
        using Process second = Process.Start(new ProcessStartInfo(Environment.ProcessPath!,
            Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal)
                ? [typeof(Quickstart).Assembly.Location, "classify-samples", zip] : ["classify-samples", zip]))!;
        second.WaitForExit();
        if (second.ExitCode != 0)
        {
            throw new InvalidOperationException($"The second process ended with exit code {second.ExitCode}.");
        }

        string report = Path.GetFullPath(Path.Combine(output, "emoji-report.html"));
        HiMoClipReport.SaveHtml(report, metrics);
        AnsiConsole.MarkupLine("[bold]5. A report[/] with charts and examples; open it in a browser:");
        Console.WriteLine(report);
    }

    private static HiMoClipMetrics Measure(HiMoClipTransformer model, IDataView test, CancellationToken cancellation)
    {
        HiMoClipMetrics metrics = model.Evaluate(test,
            new() { ModelName = "emoji model", DataName = "held-out drawings", CancellationToken = cancellation });
        RetrievalMetrics retrieval = metrics.Retrieval!;
        Table table = new Table().AddColumns("held-out drawings", "this model", "chance");
        void Row(string name, double value, double chance) => table.AddRow(name, $"{value:f1} %", $"{chance:f2} %");
        Row("recall@1, image to caption", retrieval.ImageToTextRecallAt1, 100.0 / retrieval.TextCount);
        Row("recall@5, image to caption", retrieval.ImageToTextRecallAt5, 500.0 / retrieval.TextCount);
        Row("recall@1, caption to image", retrieval.TextToImageRecallAt1, 100.0 / retrieval.ImageCount);
        Row("HiMo@3, captions that match better with every sentence", metrics.Monotonicity.Single(himo => himo.K == 3).Score, 100.0 / 6);
        AnsiConsole.Write(table);
        return metrics;
    }

    private static string[] Kinds(MLContext mlContext, IDataView data) =>
        [.. mlContext.Data.CreateEnumerable<Drawing>(data, reuseRowObject: true).Select(d => d.Kind()).Distinct()
            .Order(StringComparer.Ordinal)];

    private sealed class Prediction
    {
        public string PredictedLabel { get; set; } = "";
        public float[] Score { get; set; } = [];
    }

    /// <summary>The second process, which has nothing but the zip and images: which of the descriptions of five drawings is that of
    /// each?</summary>
    public static void Classify(string zip)
    {
        var mlContext = new MLContext();
        string folder = SampleData.Unpack();
        (_, IDataView test) = SampleData.Load(mlContext, folder);
        Drawing[] drawings = [.. mlContext.Data.CreateEnumerable<Drawing>(test, reuseRowObject: false)];
        drawings = [.. Enumerable.Range(0, 5).Select(i => drawings[(2 * i + 1) * drawings.Length / 10])];

        using var loaded = (HiMoClipTransformer)mlContext.Model.Load(zip, out _);
        loaded.ImageFolder = folder;
        // A label may be as long as a caption.
        HiMoClipTransformer model = loaded.ForZeroShot(drawings.Select(drawing => drawing.Caption));
        ITransformer withText = model.Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(model.Transform(test)));
        using PredictionEngine<Drawing, Prediction> engine = mlContext.Model.CreatePredictionEngine<Drawing, Prediction>(withText);
        Table table = new Table { ShowRowSeparators = true }.AddColumns("drawing", "predicted description, with its probability");
        foreach (Drawing drawing in drawings)
        {
            Prediction prediction = engine.Predict(drawing);
            string verdict = prediction.PredictedLabel == drawing.Caption ? "right" : "wrong";
            table.AddRow(drawing.Name, $"{prediction.PredictedLabel} ({100 * prediction.Score.Max():f0} %, {verdict})");
        }
        AnsiConsole.Write(table);
    }
}
