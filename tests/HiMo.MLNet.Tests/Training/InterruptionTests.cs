using System.Diagnostics;
using HiMo.MLNet.Training;
using Microsoft.ML;
using Microsoft.ML.Runtime;

namespace HiMo.MLNet.Tests.Training;

/// <summary>Trainings that are killed, cancelled, or run into a full disk. Bits are compared: they run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class InterruptionTests : IDisposable
{
    private readonly ToyImages _images = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("himo-checkpoints").FullName;

    public void Dispose()
    {
        _images.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Twelve steps: sixteen images in batches of 6, 6 and 4, four epochs.
    private static HiMoClipOptions Options(ContrastiveObjective? objective = null)
    {
        HiMoClipOptions options = ToyImages.Options(epochs: 4);
        options.BatchSize = 6;
        options.MicroBatchSize = 4;
        options.Objective = objective ?? new HiMoObjective();
        options.CaptionSampling = CaptionSampling.Mixed;
        options.Augmentation = new ImageAugmentation { MinScale = 0.5, HorizontalFlip = 0.5 };
        return options;
    }

    private byte[] Weights(HiMoClipOptions options, int seed = 5)
    {
        using HiMoClipTransformer model = _images.Train(new MLContext(seed), options);
        string path = Path.Combine(_images.Folder, "weights.safetensors");
        model.SaveCheckpoint(path);
        return File.ReadAllBytes(path);
    }

    [Fact]
    public void A_training_that_was_killed_resumes_to_the_same_weights_bit_for_bit()
    {
        byte[] whole = Weights(Options());

        // A process that trains the same, with a checkpoint at every step, and hangs after the fifth.
        using Process process = SeparateProcess.StartTraining(_images.Folder, _folder);
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
    internal static void TrainAndHang(string images, string checkpoints)
    {
        using var toys = new ToyImages(images);
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
            options.ValidationSet = mlContext.Data.LoadFromEnumerable(_images.Rows.Take(6).ToArray());
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
    public void A_training_that_was_cancelled_while_its_last_epoch_was_validated_resumes_to_the_same_weights()
    {
        var mlContext = new MLContext(5);
        using var stop = new CancellationTokenSource();
        bool cancels = false;
        IEnumerable<ToyImages.Row> Rows()
        {
            foreach (ToyImages.Row row in _images.Rows.Take(6))
            {
                if (cancels)
                {
                    stop.Cancel();
                }

                yield return row;
            }
        }
        HiMoClipOptions Validated(string? folder)
        {
            HiMoClipOptions options = Options();
            options.ValidationSet = mlContext.Data.LoadFromEnumerable(Rows());
            options.CheckpointFolder = options.ResumeFrom = folder;
            return options;
        }
        byte[] whole = Weights(Validated(null));

        HiMoClipOptions interrupted = Validated(_folder);
        interrupted.CancellationToken = stop.Token;
        interrupted.Progress = new Steps(p => cancels = p.Step == 11);         // the twelfth is reported when it is validated
        Assert.ThrowsAny<OperationCanceledException>(() => Weights(interrupted));
        cancels = false;

        Assert.Equal(whole, Weights(Validated(_folder)));
    }

    [Fact]
    public void A_batch_that_no_array_holds_is_refused_by_name()
    {
        ClipArchitecture large = new(512, 224, [1], 64, 32, 64, 1);
        string message = Assert.Throws<InvalidOperationException>(() => new BatchBuilder(16_384, large, [CaptionSampling.Whole],
            null!, null, place => new Random(place), new Share(0, 1))).Message;
        Assert.Contains("BatchSize: 16384 images of 224 x 224 pixels are 2466250752 bytes", message, StringComparison.Ordinal);
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
        IDataView rows = mlContext.Data.LoadFromEnumerable(_images.Rows);
        string file = Path.Combine(_folder, files[^1]), copy = Path.Combine(_images.Folder, "copy.safetensors");
        using HiMoClipTransformer loaded = mlContext.Transforms.HiMoClip(file).Fit(rows);
        loaded.SaveCheckpoint(copy);
        Assert.Equal(weights, File.ReadAllBytes(copy));
        Assert.DoesNotContain(ClipCheckpoint.Inspect(file).Tensors, t => t.Name.StartsWith("training.", StringComparison.Ordinal));
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
        _images.Rows.RemoveAt(0);
        Refuses(_ => { }, "rows of the data was 16; now it is 15");
    }

    [Fact]
    public void Every_setting_that_decides_the_course_is_compared()
    {
        var mlContext = new MLContext();
        HiMoClipOptions Validated(IDataView? held)
        {
            HiMoClipOptions options = Options(new HiMoObjective());
            (options.ValidationSet, options.Patience, options.CheckpointFolder) = (held, held is null ? null : 2, _folder);
            options.ResumeFrom = _folder;
            return options;
        }

        IDataView held = mlContext.Data.LoadFromEnumerable(_images.Rows.Take(6).ToArray());
        Weights(Validated(held));
        (Action<HiMoClipOptions> Change, string Message)[] cases =
        [
            (o => o.Objective = new HiMoObjective { VarianceRatio = 0.8 }, "HiMoObjective.VarianceRatio was 0.9; now it is 0.8"),
            (o => o.Objective = new HiMoObjective { ComponentWeight = 2 }, "HiMoObjective.ComponentWeight was 1; now it is 2"),
            (o => o.Objective = new HiMoObjective { LabelSmoothing = 0 }, "HiMoObjective.LabelSmoothing was 0.1; now it is 0"),
            (o => o.Objective = new HiMoObjective { GradientPaths = GradientPaths.LocalOnly }, "HiMoObjective.GradientPaths was Full; now it is LocalOnly"),
            (o => o.LearningRate = 2e-3, "LearningRate was 0.001; now it is 0.002"),
            (o => o.WeightDecay = 0, "WeightDecay was 0.01; now it is 0"),
            (o => o.WarmupSteps = 5, "WarmupSteps was 1; now it is 5"),
            (o => o.Epochs = 5, "Epochs was 4; now it is 5"),
            (o => o.MaxSteps = 8, "MaxSteps was null; now it is 8"),
            (o => o.Precision = TrainingPrecision.BFloat16, "Precision was Float32; now it is BFloat16"),
            (o => o.CaptionSampling = CaptionSampling.Whole, "CaptionSampling was Mixed; now it is Whole"),
            (o => o.Augmentation = null, "Augmentation was ImageAugmentation; now it is null"),
            (o => o.Augmentation = new ImageAugmentation { MinScale = 0.6, HorizontalFlip = 0.5 }, "ImageAugmentation.MinScale was 0.5; now it is 0.6"),
            (o => o.Augmentation = new ImageAugmentation { MinScale = 0.5, HorizontalFlip = 0.5, Background = System.Drawing.Color.Black },
                "ImageAugmentation.Background was #ffffff; now it is #000000"),
            (o => o.MaxGradientNorm = 1, "MaxGradientNorm was null; now it is 1"),
            (o => o.InitialLogitScale = 10, "InitialLogitScale was null; now it is 10"),
            (o => o.MaxLogitScale = 100, "MaxLogitScale was Infinity; now it is 100"),
            (o => o.FreezeFirstPositions = true, "FreezeFirstPositions was null; now it is True"),
            (o => o.Architecture = ToyImages.Tiny with { TextLayers = 2 }, "text 1 blocks"),
            (o => o.ValidationMetric = ValidationMetric.RecallAt1, "ValidationMetric was Loss; now it is RecallAt1"),
            (o => o.Patience = 3, "Patience was 2; now it is 3"),
            (o => (o.ValidationSet, o.Patience) = (null, null), "rows of the ValidationSet was 6; now it is null"),
        ];
        foreach ((Action<HiMoClipOptions> change, string message) in cases)
        {
            HiMoClipOptions other = Validated(held);
            change(other);
            Assert.Contains(message, Assert.Throws<InvalidOperationException>(() => Weights(other)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Micro_batches_may_change_with_a_warning_unless_batch_norm_sees_them()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = options.ResumeFrom = _folder;
        options.Progress = StopAfter(7, out CancellationToken token);
        options.CancellationToken = token;
        Assert.ThrowsAny<OperationCanceledException>(() => Weights(options));

        HiMoClipOptions other = Options();
        (other.ResumeFrom, other.MicroBatchSize) = (_folder, 3);
        var mlContext = new MLContext(5);
        List<string> warnings = Warnings(mlContext);
        _images.Train(mlContext, other).Dispose();
        Assert.Contains("MicroBatchSize was 4; now it is 3", Assert.Single(warnings), StringComparison.Ordinal);

        var state = new TrainingState { Settings = new Dictionary<string, string> { ["MicroBatchSize"] = "4" } };
        var now = new Dictionary<string, string> { ["MicroBatchSize"] = "3" };
        Assert.Contains("not so bit for bit", Assert.Single(TrainingSettings.Compare("a", state, now, null, learnsStatistics: false)), StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => TrainingSettings.Compare("a", state, now, null, learnsStatistics: true));
    }

    [Fact]
    public void A_checkpoint_that_does_not_say_a_setting_goes_on_with_a_warning_that_names_it()
    {
        var state = new TrainingState { Settings = new Dictionary<string, string> { ["BatchSize"] = "6" } };
        var now = new Dictionary<string, string> { ["BatchSize"] = "6", ["WeightDecay"] = "0.01", ["Precision"] = "Float32" };

        Assert.Contains("WeightDecay, Precision", Assert.Single(TrainingSettings.Compare("a", state, now, null, learnsStatistics: false)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_new_training_in_the_folder_of_another_is_refused_and_costs_neither()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = _folder;
        Weights(options);
        string[] before = Directory.GetFiles(_folder);

        string message = Assert.Throws<InvalidOperationException>(() => Weights(options)).Message;

        Assert.Contains("holds checkpoints of another training, up to 'step-00000012.safetensors'", message, StringComparison.Ordinal);
        Assert.Contains("ResumeFrom", message, StringComparison.Ordinal);
        Assert.Equal(before, Directory.GetFiles(_folder));
    }

    [Fact]
    public void A_training_that_goes_on_from_an_earlier_checkpoint_keeps_its_own_and_the_later_ones()
    {
        HiMoClipOptions options = Options();
        (options.CheckpointFolder, options.CheckpointsKept) = (_folder, 4);
        byte[] whole = Weights(options);

        HiMoClipOptions again = Options();
        (again.CheckpointFolder, again.CheckpointsKept, again.CheckpointEverySteps) = (_folder, 2, 1);
        again.ResumeFrom = Path.Combine(_folder, "step-00000003.safetensors");
        again.Progress = StopAfter(5, out CancellationToken token);
        again.CancellationToken = token;
        Assert.ThrowsAny<OperationCanceledException>(() => Weights(again));

        Assert.Equal([4, 5, 6, 9, 12], Directory.GetFiles(_folder).Select(f => int.Parse(Path.GetFileNameWithoutExtension(f)[5..])).Order());
        HiMoClipOptions last = Options();
        last.ResumeFrom = Path.Combine(_folder, "step-00000005.safetensors");
        Assert.Equal(whole, Weights(last));
    }

    [Fact]
    public void Two_trainings_at_once_cannot_share_a_folder()
    {
        HiMoClipOptions options = Options(), second = Options();
        options.CheckpointFolder = second.CheckpointFolder = _folder;
        IOException? error = null;
        options.Progress = new Steps(p => error ??= Assert.Throws<IOException>(() => Weights(second)));
        Weights(options);

        Assert.Contains(_folder, error!.Message, StringComparison.Ordinal);
        Assert.NotEmpty(Directory.GetFiles(_folder, "step-*"));
    }

    private static Steps StopAfter(int step, out CancellationToken token)
    {
        var stop = new CancellationTokenSource();
        token = stop.Token;
        return new Steps(p =>
        {
            if (p.Step == step)
            {
                stop.Cancel();
            }
        });
    }

    private static List<string> Warnings(MLContext mlContext)
    {
        var warnings = new List<string>();
        mlContext.Log += (_, e) =>
        {
            if (e.Kind == ChannelMessageKind.Warning)
            {
                warnings.Add(e.Message);
            }
        };
        return warnings;
    }

    [Fact]
    public void Resuming_from_a_model_or_from_nothing_is_refused()
    {
        HiMoClipOptions options = Options();
        options.ResumeFrom = Path.Combine(_folder, "none.safetensors");
        Assert.Contains("none.safetensors", Assert.Throws<FileNotFoundException>(() => Weights(options)).Message, StringComparison.Ordinal);

        Weights(Options());
        options.ResumeFrom = Path.Combine(_images.Folder, "weights.safetensors");
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
        using HiMoClipTransformer model = _images.Train(mlContext, options);

        Assert.Contains("step 6", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal([3, 9, 12], Directory.GetFiles(_folder).Select(f => int.Parse(Path.GetFileNameWithoutExtension(f)[5..])).Order());
        string path = Path.Combine(_images.Folder, "weights.safetensors");
        model.SaveCheckpoint(path);
        Assert.Equal(whole, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_loss_that_is_not_finite_names_the_step_and_the_rate()
    {
        HiMoClipOptions options = Options();
        options.CheckpointFolder = _folder;
        options.CheckpointEverySteps = 1;
        options.LearningRate = 1e30;

        string message = Assert.Throws<InvalidOperationException>(() => Weights(options)).Message;

        Assert.Matches(@"The (loss|gradient's norm) is .* at step 2 of 12", message);
        Assert.Contains("1E+30", message.ToUpperInvariant(), StringComparison.Ordinal);
        // The first step's weights gave it: their checkpoint is not good.
        Assert.Contains("There is no good checkpoint", message, StringComparison.Ordinal);
        Assert.Contains($"'{Assert.Single(Directory.GetFiles(_folder))}' has the weights that gave it", message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_last_good_checkpoint_is_one_whose_weights_gave_a_finite_loss_and_gradient()
    {
        HiMoClipOptions options = Options();
        (options.CheckpointFolder, options.CheckpointEverySteps, options.CheckpointsKept) = (_folder, 1, 100);
        // Weights grow a hundredfold a step, until something overflows.
        (options.LearningRate, options.WarmupSteps, options.WeightDecay) = (1e-6, 0, 1e8);

        string message = Assert.Throws<InvalidOperationException>(() => Weights(options)).Message;

        string[] files = [.. Directory.GetFiles(_folder).Order(StringComparer.Ordinal)];
        Assert.True(files.Length >= 2, message);
        Assert.Contains($"The last good checkpoint is '{files[^2]}'", message, StringComparison.Ordinal);
        Assert.Contains($"'{files[^1]}' has the weights that gave it", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gradient_that_overflows_stops_the_training_before_it_changes_a_weight()
    {
        HiMoClipOptions options = Options();
        options.InitialLogitScale = 1e30;                                     // the loss is finite, the gradient's square is not
        options.Progress = new Steps(p => Assert.Fail($"Step {p.Step} was made, with a loss of {p.Loss}."));

        Assert.Contains("The gradient's norm is", Assert.Throws<InvalidOperationException>(() => Weights(options)).Message, StringComparison.Ordinal);
    }

    private sealed class Steps(Action<TrainingProgress> action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action(value);
    }
}
