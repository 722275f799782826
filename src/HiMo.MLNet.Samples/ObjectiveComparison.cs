using Microsoft.ML;
using Spectre.Console;

namespace HiMo.MLNet.Samples;

/// <summary>
/// The four objectives on the sample drawings: the same data, network, epochs and seeds, and nothing else changed. Prints the
/// mean and the spread over the seeds, on drawings that were not trained on.
/// </summary>
internal static class ObjectiveComparison
{
    private static readonly (string Name, Func<ContrastiveObjective> Create)[] s_objectives =
    [
        ("CLIP", () => new ClipObjective()),
        ("Long-CLIP", () => new LongClipObjective()),
        ("SmartCLIP", () => new SmartClipObjective()),
        ("HiMo-CLIP", () => new HiMoObjective()),
    ];

    private sealed record Result(double ImageToText, double TextToImage, double HiMoAt2, double HiMoAt3);

    public static void Run(int epochs, int seeds, CancellationToken cancellation)
    {
        string folder = SampleData.Unpack();
        Dictionary<string, List<Result>> results = s_objectives.ToDictionary(o => o.Name, _ => new List<Result>());
        for (int seed = 1; seed <= seeds; seed++)
        {
            foreach ((string name, Func<ContrastiveObjective> create) in s_objectives)
            {
                results[name].Add(Train(folder, create(), epochs, seed, cancellation));
                Console.Error.WriteLine($"{name}, seed {seed}: {results[name][^1]}");
            }
        }

        Table table = new Table().AddColumns("objective", "recall@1, image to caption", "recall@1, caption to image", "HiMo@2",
            "HiMo@3");
        foreach ((string name, List<Result> runs) in results)
        {
            table.AddRow(name, Spread(runs, r => r.ImageToText), Spread(runs, r => r.TextToImage), Spread(runs, r => r.HiMoAt2),
                Spread(runs, r => r.HiMoAt3));
        }

        AnsiConsole.Write(table);
        AnsiConsole.WriteLine($"{epochs} epochs, {seeds} seeds; in %, mean ± standard deviation.");
    }

    private static Result Train(string folder, ContrastiveObjective objective, int epochs, int seed, CancellationToken cancellation)
    {
        var mlContext = new MLContext(seed);
        (IDataView train, IDataView test) = SampleData.Load(mlContext, folder);
        HiMoClipOptions options = SampleData.TrainingOptions(folder, epochs);
        options.Objective = objective;
        options.CancellationToken = cancellation;
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(train);
        RetrievalMetrics recall = model.EvaluateRetrieval(test);
        return new(recall.ImageToTextRecallAt1, recall.TextToImageRecallAt1, model.EvaluateMonotonicity(test, 2).Score,
            model.EvaluateMonotonicity(test, 3).Score);
    }

    private static string Spread(List<Result> runs, Func<Result, double> value)
    {
        double mean = runs.Average(value);
        double deviation = runs.Count > 1 ? Math.Sqrt(runs.Sum(r => Math.Pow(value(r) - mean, 2)) / (runs.Count - 1)) : 0;
        return $"{mean:f1} ± {deviation:f1}";
    }
}
