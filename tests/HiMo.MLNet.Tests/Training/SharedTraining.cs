using Microsoft.ML;

namespace HiMo.MLNet.Tests.Training;

/// <summary>What every rank of the tests' trainings runs: one process of many.</summary>
internal static class SharedTraining
{
    public const int Seed = 5;

    /// <summary>All objectives, with gradient caching and without.</summary>
    public static string[] Cases { get; } = [.. ((string[])["Clip", "HiMo", "LongClip", "SmartClip"]).SelectMany(name => (string[])[name, name + "-cached"])];

    /// <summary>Twenty steps: sixteen images in batches of 7, 7 and 2, of which four ranks leave two idle.</summary>
    public static HiMoClipOptions Options(string name) => new()
    {
        Architecture = ToyImages.Tiny,
        Epochs = 7,
        MaxSteps = 20,
        BatchSize = 7,
        MicroBatchSize = name.EndsWith("-cached", StringComparison.Ordinal) ? 2 : null,
        Objective = name.Split('-')[0] switch
        {
            "Clip" => new ClipObjective(),
            "LongClip" => new LongClipObjective { ImageComponents = 3 },
            "SmartClip" => new SmartClipObjective(),
            _ => new HiMoObjective(),
        },
        CaptionSampling = name.StartsWith("LongClip", StringComparison.Ordinal) ? null : CaptionSampling.Mixed,
        Augmentation = new ImageAugmentation { MinScale = 0.5, HorizontalFlip = 0.5 },
        MaxGradientNorm = 1,
    };

    /// <summary>The toy images of a folder, which nobody writes meanwhile.</summary>
    public static ToyImages.Row[] Rows(string folder) => [.. Directory.GetFiles(folder, "*.png").Order(StringComparer.Ordinal).Select(path =>
    {
        string[] colours = Path.GetFileNameWithoutExtension(path).Split('-');
        return new ToyImages.Row { ImagePath = path, Caption = $"Two colours. The top is {colours[0]}. The bottom is {colours[1]}." };
    })];

    /// <summary>Trains, and writes the weights.</summary>
    public static void Train(IEnumerable<ToyImages.Row> rows, HiMoClipOptions options, string weights)
    {
        var mlContext = new MLContext(Seed);
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(mlContext.Data.LoadFromEnumerable(rows));
        model.SaveCheckpoint(weights);
    }

    /// <summary>Trains each case with the other ranks; every rank writes its weights.</summary>
    public static void Share(string images, string results, string[] cases)
    {
        using var mpi = MpiCommunicator.Start();
        foreach (string name in cases)
        {
            HiMoClipOptions options = Options(name);
            options.Communicator = mpi;
            Train(Rows(images), options, Weights(results, name, mpi.Rank));
        }

        if (mpi.Rank == 0)
        {
            Console.WriteLine(mpi);
        }
    }

    public static string Weights(string results, string name, int rank) => Path.Combine(results, $"{name}-{rank}.safetensors");

    /// <summary>Trains with a checkpoint at every step, and tells this process's number and rank 0's steps.</summary>
    /// <param name="images">The images' folder.</param>
    /// <param name="checkpoints">The checkpoints'.</param>
    /// <param name="weights">Where rank 0 writes them at the end.</param>
    public static void ShareCheckpoints(string images, string checkpoints, string weights)
    {
        using var mpi = MpiCommunicator.Start();
        Console.WriteLine($"process {Environment.ProcessId}");
        HiMoClipOptions options = Options("HiMo");
        (options.Communicator, options.CheckpointFolder, options.ResumeFrom) = (mpi, checkpoints, checkpoints);
        options.CheckpointEverySteps = 1;
        options.Progress = new Steps(progress => Console.WriteLine($"step {progress.Step}"));
        Train(Rows(images), options, mpi.Rank == 0 ? weights : weights + ".other");
    }

    /// <summary>Trainings in which rank 1 differs or fails; both ranks write what they were told.</summary>
    public static void Disagree(string images, string results)
    {
        using var mpi = MpiCommunicator.Start();
        bool other = mpi.Rank == 1;
        ToyImages.Row[] rows = Rows(images);
        void Case(string name, Action<HiMoClipOptions> change, IEnumerable<ToyImages.Row>? data = null)
        {
            HiMoClipOptions options = Options("HiMo");
            (options.Communicator, options.MaxSteps) = (mpi, 3);
            change(options);
            string told;
            try
            {
                Train(data ?? rows, options, Path.Combine(results, $"weights-{mpi.Rank}"));
                told = "trained";
            }
            catch (Exception e)
            {
                told = $"{e.GetType().Name}: {e.Message}";
            }

            File.WriteAllText(Path.Combine(results, $"{name}-{mpi.Rank}.txt"), told);
        }

        Case("options", o => o.BatchSize = other ? 6 : 7);
        Case("seed-free", o => o.MaxUnreadableShare = other ? 0.5 : 0);
        Case("rows", _ => { }, other ? rows[1..] : rows);
        Case("order", _ => { }, other ? [.. rows.Reverse()] : rows);
        Case("weights", o => o.Checkpoint = Path.Combine(images, other ? "Float32-12.safetensors" : "Float32-11.safetensors"));
        Case("unreadable", _ => { }, [.. rows[1..], new ToyImages.Row { ImagePath = "none.png", Caption = "None." }]);
        Case("folder", o => o.CheckpointFolder = Path.Combine(images, "Float32-11.safetensors", "inside"));
        Case("data", _ => { }, rows.Select((row, i) => other && i == 15 ? throw new IOException("The line is cut.") : row));
        var stop = new CancellationTokenSource();
        stop.Cancel();
        Case("cancelled", o => o.CancellationToken = other ? stop.Token : default);
        Case("not finite", o => o.InitialLogitScale = 1e30);
        Case("validated", o => (o.ValidationSet, o.MaxSteps) = (new MLContext().Data.LoadFromEnumerable(rows[..6]), 20));
    }

    /// <summary>A training in which one rank fails where the other waits for it.</summary>
    public static void FailAlone(string images)
    {
        using var mpi = MpiCommunicator.Start();
        HiMoClipOptions options = Options("HiMo");
        (options.Communicator, options.Objective) = (mpi, new FailingObjective());
        Train(Rows(images), options, "unused");
    }

    /// <summary>Rank 0 computes it.</summary>
    private sealed class FailingObjective : ContrastiveObjective
    {
        protected override ObjectiveValue Loss(EmbeddedBatch batch) => throw new InvalidOperationException("It has no loss.");
    }

    private sealed class Steps(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
