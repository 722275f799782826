using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet.Tests.Training;

/// <summary>Trainings that are killed, cancelled, or run into a full disk. Bits are compared: they run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class InterruptionTests : IDisposable
{
    private readonly ToyPictures _pictures = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("himo-checkpoints").FullName;

    public void Dispose()
    {
        _pictures.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Twelve steps: sixteen pictures in batches of 6, 6 and 4, four epochs.
    private static HiMoClipOptions Options(ContrastiveObjective? objective = null)
    {
        HiMoClipOptions options = ToyPictures.Options(epochs: 4);
        options.BatchSize = 6;
        options.MicroBatchSize = 4;
        options.Objective = objective ?? new HiMoObjective();
        options.CaptionSampling = CaptionSampling.Mixed;
        options.Augmentation = new ImageAugmentation { MinScale = 0.5, HorizontalFlip = 0.5 };
        return options;
    }

    private byte[] Weights(HiMoClipOptions options, int seed = 5)
    {
        using HiMoClipTransformer model = _pictures.Train(new MLContext(seed), options);
        string path = Path.Combine(_pictures.Folder, "weights.safetensors");
        model.SaveCheckpoint(path);
        return File.ReadAllBytes(path);
    }

    [Fact]
    public void A_training_that_was_killed_resumes_to_the_same_weights_bit_for_bit()
    {
        byte[] whole = Weights(Options());

        // A process that trains the same, with a checkpoint at every step, and hangs after the fifth.
        using Process process = SeparateProcess.StartTraining(_pictures.Folder, _folder);
        string? line;
        while ((line = process.StandardOutput.ReadLine()) is not null && line != "step 5")
        {
        }
        process.Kill(entireProcessTree: true);
        process.WaitForExit();
        Assert.Equal("step 5", line);

        HiMoClipOptions options = Options();
        options.CheckpointFolder = options.ResumeFrom = _folder;
        var steps = new List<int>();
        options.Progress = new Steps(p => steps.Add(p.Step));
        byte[] resumed = Weights(options);

        Assert.InRange(steps[0], 4, 6);
        Assert.Equal(12, steps[^1]);
        Assert.Equal(whole, resumed);
    }

    /// <summary>What the killed process runs: the training of <see cref="Options"/>.</summary>
    internal static void TrainAndHang(string pictures, string checkpoints)
    {
        using var toys = new ToyPictures(pictures);
        HiMoClipOptions options = Options();
        options.CheckpointFolder = checkpoints;
        options.CheckpointEverySteps = 1;
        options.Progress = new Steps(p =>
        {
            Console.WriteLine($"step {p.Step}");
            if (p.Step == 5)
            {
                Thread.Sleep(Timeout.Infinite);
            }
        });
        toys.Train(new MLContext(5), options);
    }

    [Theory]
    [InlineData(typeof(HiMoObjective))]
    [InlineData(typeof(SmartClipObjective))]                                  // with a network and a rate of its own
    public void A_cancelled_training_leaves_a_checkpoint_that_goes_on_bit_for_bit(Type objective)
    {
        ContrastiveObjective Objective() => (ContrastiveObjective)Activator.CreateInstance(objective)!;
        byte[] whole = Weights(Options(Objective()));
        foreach (int at in (int[])[2, 7])                                     // within the first epoch, and the third
        {
            using var stop = new CancellationTokenSource();
            HiMoClipOptions options = Options(Objective());
            options.CheckpointFolder = options.ResumeFrom = _folder;
            options.CancellationToken = stop.Token;
            options.Progress = new Steps(p =>
            {
                if (p.Step == at)
                {
                    stop.Cancel();
                }
            });
            Assert.ThrowsAny<OperationCanceledException>(() => Weights(options));
        }
        HiMoClipOptions last = Options(Objective());
        last.ResumeFrom = _folder;
        Assert.Equal(whole, Weights(last));
    }

    [Fact]
    public void A_resumed_training_remembers_the_best_epoch()
    {
        var mlContext = new MLContext(5);
        HiMoClipOptions Validated(string? folder)
        {
            HiMoClipOptions options = Options();
            options.ValidationSet = mlContext.Data.LoadFromEnumerable(_pictures.Rows.Take(6).ToArray());
            options.CheckpointFolder = options.ResumeFrom = folder;
            // Too high a rate, so that the best epoch is not the last.
            options.LearningRate = 0.2;
            return options;
        }
        byte[] whole = Weights(Validated(null));

        HiMoClipOptions interrupted = Validated(_folder);
        using var stop = new CancellationTokenSource();
        interrupted.CancellationToken = stop.Token;
        interrupted.Progress = new Steps(p =>
        {
            if (p.Step == 8)
            {
                stop.Cancel();
            }
        });
        Assert.ThrowsAny<OperationCanceledException>(() => Weights(interrupted));

        Assert.Equal(whole, Weights(Validated(_folder)));
    }

    [Fact]
    public void The_last_checkpoints_are_kept_and_are_models_too()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = _folder;
        options.CheckpointEverySteps = 2;
        options.CheckpointsKept = 3;
        byte[] weights = Weights(options);

        string[] files = [.. Directory.GetFiles(_folder).Order(StringComparer.Ordinal).Select(f => Path.GetFileName(f))];
        Assert.Equal(["step-00000009.safetensors", "step-00000010.safetensors", "step-00000012.safetensors"], files);

        // The last one holds the trained weights, to be read as any checkpoint.
        var mlContext = new MLContext();
        IDataView rows = mlContext.Data.LoadFromEnumerable(_pictures.Rows);
        string file = Path.Combine(_folder, files[^1]), copy = Path.Combine(_pictures.Folder, "copy.safetensors");
        using HiMoClipTransformer loaded = mlContext.Transforms.HiMoClip(file).Fit(rows);
        loaded.SaveCheckpoint(copy);
        Assert.Equal(weights, File.ReadAllBytes(copy));
        Assert.DoesNotContain(HiMoClipCheckpoint.Inspect(file).Tensors, t => t.Name.StartsWith("training.", StringComparison.Ordinal));
    }

    [Fact]
    public void A_finished_training_resumes_to_its_end()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = options.ResumeFrom = _folder;
        Assert.Equal(Weights(options), Weights(options));
    }

    [Fact]
    public void A_training_with_other_settings_is_refused_with_both_values()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = options.ResumeFrom = _folder;
        Weights(options);
        void Refuses(Action<HiMoClipOptions> change, string message, int seed = 5)
        {
            HiMoClipOptions other = Options();
            other.ResumeFrom = _folder;
            change(other);
            Assert.Contains(message, Assert.Throws<InvalidOperationException>(() => Weights(other, seed)).Message, StringComparison.Ordinal);
        }

        Refuses(o => o.BatchSize = 8, "BatchSize was 6; now it is 8");
        Refuses(o => o.Objective = new ClipObjective(), "Objective was HiMoObjective; now it is ClipObjective");
        Refuses(o => o.FreezeTextTower = true, "frozen parts was 0 image, 0 text; now it is 0 image, all text");
        Refuses(_ => { }, "seed of the MLContext was 5; now it is 6", seed: 6);
        _pictures.Rows.RemoveAt(0);
        Refuses(_ => { }, "rows of the data was 16; now it is 15");
    }

    [Fact]
    public void Resuming_from_a_model_or_from_nothing_is_refused()
    {
        HiMoClipOptions options = Options();
        options.ResumeFrom = Path.Combine(_folder, "none.safetensors");
        Assert.Contains("none.safetensors", Assert.Throws<FileNotFoundException>(() => Weights(options)).Message, StringComparison.Ordinal);

        Weights(Options());
        options.ResumeFrom = Path.Combine(_pictures.Folder, "weights.safetensors");
        Assert.Contains("not an interrupted training", Assert.Throws<CheckpointFormatException>(() => Weights(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_to_is_an_error_before_the_training()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        HiMoClipOptions options = Options();
        options.CheckpointFolder = Path.Combine(file, "inside");
        options.Progress = new Steps(_ => Assert.Fail("It trained."));

        Assert.Contains(options.CheckpointFolder, Assert.Throws<IOException>(() => Weights(options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_that_cannot_be_written_costs_a_warning_and_no_earlier_checkpoint()
    {
        byte[] whole = Weights(Options());
        var mlContext = new MLContext(5);
        var warnings = new List<string>();
        mlContext.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
            {
                warnings.Add(e.Message);
            }
        };
        HiMoClipOptions options = Options();
        options.CheckpointFolder = _folder;
        options.CheckpointsKept = 100;
        // A folder stands where the second epoch's checkpoint is to be written.
        Directory.CreateDirectory(Path.Combine(_folder, "step-00000006.safetensors"));
        using HiMoClipTransformer model = _pictures.Train(mlContext, options);

        Assert.Contains("step 6", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal([3, 9, 12], Directory.GetFiles(_folder).Select(f => int.Parse(Path.GetFileNameWithoutExtension(f)[5..])).Order());
        string path = Path.Combine(_pictures.Folder, "weights.safetensors");
        model.SaveCheckpoint(path);
        Assert.Equal(whole, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_loss_that_is_not_finite_names_the_step_and_the_last_good_checkpoint()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = _folder;
        options.CheckpointEverySteps = 1;
        options.LearningRate = 1e30;

        string message = Assert.Throws<InvalidOperationException>(() => Weights(options)).Message;

        Assert.Matches(@"The loss is .* at step \d+ of 12", message);
        string last = Directory.GetFiles(_folder).Order(StringComparer.Ordinal).Last();
        Assert.Contains(last, message, StringComparison.Ordinal);
        Assert.Contains("1E+30", message.ToUpperInvariant(), StringComparison.Ordinal);
    }

    private sealed class Steps(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
