using System.Diagnostics;
using System.Globalization;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests;

/// <summary>
/// An application that knows Microsoft.ML alone: it loads a model zip, scores one row and prints the values. Nothing in it
/// mentions this library.
/// </summary>
internal static class SeparateProcess
{
    private sealed class Input
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }

    private static void Main(string[] args)
    {
        if (args is ["train", var images, var checkpoints])
        {
            Training.InterruptionTests.TrainAndHang(images, checkpoints);
            return;
        }

        if (args is ["share", var toys, var results, .. var cases])
        {
            Training.SharedTraining.Share(toys, results, cases);
            return;
        }

        if (args is ["share-checkpoints", var shared, var kept, var weights])
        {
            Training.SharedTraining.ShareCheckpoints(shared, kept, weights);
            return;
        }

        if (args is ["share-disagree", var both, var told])
        {
            Training.SharedTraining.Disagree(both, told);
            return;
        }

        if (args is ["share-fail", var failing])
        {
            Training.SharedTraining.FailAlone(failing);
            return;
        }

        if (args is ["train-four", var folder])
        {
            Training.SharedProcessTests.TrainFourOnTwoThreads(folder);
            return;
        }

        if (args is ["readme-embedding"])
        {
            ReadmeEmbedding.Run();
            return;
        }

        if (args is ["save", var path])
        {
            Fuzzing.KillTests.SaveForEver(path);
            return;
        }
        if (args is ["fuzz", var group, var count, var first])
        {
            Fuzzing.FuzzRun.Run(group, int.Parse(count, CultureInfo.InvariantCulture), int.Parse(first, CultureInfo.InvariantCulture));
            return;
        }

        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(args[0], out _);
        switch (args.Length)
        {
            case 2:
                SaveCheckpoint(model, args[1]);
                break;
            case 3:
                IDataView scored = model.Transform(mlContext.Data.LoadFromEnumerable([new Input { ImagePath = args[1], Caption = args[2] }]));
                foreach (string column in (string[])["ImageEmbedding", "TextEmbedding", "Score"])
                {
                    Console.WriteLine(string.Join(' ', scored.GetColumn<float[]>(column).Single().Select(v => v.ToString("r", CultureInfo.InvariantCulture))));
                }

                break;
            default:
                PredictionEngine<Query, Found> engine = mlContext.Model.CreatePredictionEngine<Query, Found>(model);
                Console.Write(string.Join('\n', engine.Predict(new() { Caption = args[3] }).SearchResults));
                break;
        }
    }

    private sealed class Query
    {
        public string Caption { get; set; } = "";
    }

    private sealed class Found
    {
        public string[] SearchResults { get; set; } = [];
    }

    // By itself, so that the scoring above runs without any mention of the library.
    private static void SaveCheckpoint(ITransformer model, string path) => ((HiMoClipTransformer)model).SaveCheckpoint(path);

    /// <summary>Scores an image and a caption; returns the rows that the application printed.</summary>
    public static float[][] Run(string zip, string image, string caption) =>
        [.. Start(zip, image, caption).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line.Split(' ').Select(v => float.Parse(v, CultureInfo.InvariantCulture)).ToArray())];

    /// <summary>Loads the zip of a model and an image search; returns the images found for a text.</summary>
    public static string[] Search(string zip, string text) => Start(zip, "", "", text).Split('\n');

    /// <summary>Loads the zip and writes its weights as safetensors.</summary>
    public static void Export(string zip, string checkpoint) => Start(zip, checkpoint);

    /// <summary>Starts <see cref="Training.InterruptionTests.TrainAndHang"/>, which prints its steps.</summary>
    public static Process StartTraining(string images, string checkpoints) => Launch(["train", images, checkpoints], redirectErrors: false);

    /// <summary>Starts <see cref="Training.SharedProcessTests.TrainFourOnTwoThreads"/> as on a machine with two processors.</summary>
    public static Process StartFourTrainings(string images) => Launch(["train-four", images], redirectErrors: false, ("DOTNET_PROCESSOR_COUNT", "2"));

    /// <summary>Starts <see cref="Fuzzing.KillTests.SaveForEver"/>.</summary>
    public static Process StartSaving(string path) => Launch(["save", path], redirectErrors: false);

    /// <summary>Runs <see cref="Fuzzing.FuzzRun.Run"/> with a heap that cannot grow without bounds; returns the lines that it printed.</summary>
    public static string[] Fuzz(string group, int count, int first, out int exitCode, out string errors)
    {
        using Process process = Launch(
            ["fuzz", group, count.ToString(CultureInfo.InvariantCulture), first.ToString(CultureInfo.InvariantCulture)],
            redirectErrors: true,
            ("DOTNET_GCHeapHardLimit", "0x80000000"),
            ("OMP_NUM_THREADS", "1"));
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        (exitCode, errors) = (process.ExitCode, error.Result);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private static Process Launch(string[] arguments, bool redirectErrors, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(SeparateProcess).Assembly.Location, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = redirectErrors,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    private static string Start(params string[] arguments)
    {
        using Process process = Launch(arguments, redirectErrors: true);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result);
        return output;
    }
}
