using HiMo.MLNet.Training;
using Microsoft.ML;

namespace HiMo.MLNet.Tests;

public sealed class HiMoClipEstimatorTests : IDisposable
{
    private readonly MLContext _mlContext = new(seed: 3);
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Fact]
    public void Learns_to_tell_images_apart()
    {
        HiMoClipOptions options = ToyImages.Options(epochs: 250);
        options.BatchSize = 16;
        using HiMoClipTransformer model = _images.Train(_mlContext, options);

        RetrievalMetrics metrics = model.EvaluateRetrieval(_mlContext.Data.LoadFromEnumerable(_images.Rows));

        Assert.InRange(metrics.ImageToTextRecallAt1, 60, 100);                // chance: 6.25
    }

    [Fact]
    public void Progress_reaches_the_caller_and_the_log()
    {
        var log = new List<string>();
        _mlContext.Log += (_, e) => log.Add(e.Message);
        var steps = new Steps();
        HiMoClipOptions options = ToyImages.Options(epochs: 2);
        options.Progress = steps;

        using HiMoClipTransformer model = _images.Train(_mlContext, options);

        Assert.Equal([1, 2, 3, 4], steps.Select(p => p.Step));
        Assert.All(steps, p => Assert.Equal(4, p.TotalSteps));
        Assert.All(steps, p => Assert.Equal(p.LossParts["global"] + p.LossParts["component"], p.Loss, 4));
        Assert.Contains(log, line => line.Contains("step 4/4", StringComparison.Ordinal));
    }

    private sealed class Steps : List<TrainingProgress>, IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => Add(value);
    }

    [Fact]
    public void Cancellation_stops_the_training()
    {
        using var stop = new CancellationTokenSource();
        HiMoClipOptions options = ToyImages.Options(epochs: 1000);
        options.CancellationToken = stop.Token;
        options.Progress = new StopAt(stop);

        Assert.ThrowsAny<OperationCanceledException>(() => _images.Train(_mlContext, options));
    }

    private sealed class StopAt(CancellationTokenSource stop) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => stop.Cancel();
    }

    [Fact]
    public void A_checkpoint_with_another_vocabulary_is_refused()
    {
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.Checkpoint = GoldenFile.PathOf("tiny-vit.pt");

        // The golden model knows 300 tokens; CLIP's vocabulary has 49,408.
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => _images.Train(_mlContext, options));

        Assert.Contains("300 tokens", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_column_is_named_with_those_that_there_are()
    {
        IDataView data = _mlContext.Data.LoadFromEnumerable(_images.Rows);

        ArgumentException fit = Assert.ThrowsAny<ArgumentException>(() => _mlContext.Transforms.HiMoClip("Photo", "Caption", epochs: 1).Fit(data));
        ArgumentException chained = Assert.ThrowsAny<ArgumentException>(() => _mlContext.Transforms.CopyColumns("A", "Caption").Append(_mlContext.Transforms.HiMoClip("Photo", "Caption", epochs: 1)).Fit(data));

        Assert.All((Exception[])[fit, chained], error => Assert.Contains("'Photo' is missing", error.Message, StringComparison.Ordinal));
        Assert.Contains("'ImagePath', 'Caption'", fit.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_of_the_wrong_type_is_named_with_both_types()
    {
        IDataView data = _mlContext.Data.LoadFromEnumerable([new { ImagePath = "a.png", Caption = 3f }]);

        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => _mlContext.Transforms.HiMoClip(new HiMoClipOptions()).Fit(data));

        Assert.Contains("'Caption' has the wrong type: expected text; found Single", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unreadable_image_is_named()
    {
        string broken = WriteBrokenImage();
        _images.Rows.Add(new() { ImagePath = broken, Caption = "Broken." });

        ImageReadException error = Assert.Throws<ImageReadException>(() => _images.Train(_mlContext));

        Assert.Contains(broken, error.Message, StringComparison.Ordinal);
    }

    private string WriteBrokenImage()
    {
        string broken = Path.Combine(_images.Folder, "broken.png");
        File.WriteAllText(broken, "not an image");
        return broken;
    }

    [Fact]
    public void Unreadable_images_are_left_out_up_to_a_share_and_counted()
    {
        string broken = WriteBrokenImage();
        _images.Rows.Add(new() { ImagePath = broken, Caption = "Broken." });
        _images.Rows.Add(new() { ImagePath = Path.Combine(_images.Folder, "none.png"), Caption = "Missing." });
        var warnings = new List<string>();
        _mlContext.Log += (_, e) =>
        {
            if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
            {
                warnings.Add(e.Message);
            }
        };
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.MaxUnreadableShare = 0.12;                                    // two of eighteen

        _images.Train(_mlContext, options).Dispose();

        Assert.Contains("2 of 18 images", Assert.Single(warnings), StringComparison.Ordinal);
        options.MaxUnreadableShare = 0.1;
        Assert.Contains("MaxUnreadableShare allows 1", Assert.Throws<ImageReadException>(() => _images.Train(_mlContext, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_with_one_readable_image_is_left_out()
    {
        string broken = WriteBrokenImage();
        _images.Rows.RemoveRange(5, _images.Rows.Count - 5);
        _images.Rows.Add(new() { ImagePath = broken, Caption = "Broken." });
        var steps = new Steps();
        HiMoClipOptions options = ToyImages.Options(epochs: 12);
        options.BatchSize = 4;                                                // and 2, of which one is the broken one every third time
        options.MaxUnreadableShare = 0.2;
        options.Progress = steps;

        _images.Train(_mlContext, options).Dispose();

        Assert.InRange(steps.Count, 13, 23);                                  // of 24
        Assert.Equal(steps.Select(s => s.Step).Distinct(), steps.Select(s => s.Step));
    }

    [Fact]
    public void A_training_without_two_readable_images_in_any_batch_names_one_that_is_not()
    {
        string broken = WriteBrokenImage();
        _images.Rows.RemoveRange(1, _images.Rows.Count - 1);
        _images.Rows.Add(new() { ImagePath = broken, Caption = "Broken." });
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.MaxUnreadableShare = 0.5;

        ImageReadException error = Assert.Throws<ImageReadException>(() => _images.Train(_mlContext, options));

        Assert.Contains("no batch has two images that can be read", error.Message, StringComparison.Ordinal);
        Assert.Equal(broken, error.Path);
    }

    [Fact]
    public void Empty_data_is_refused()
    {
        IDataView empty = _mlContext.Data.LoadFromEnumerable(Array.Empty<ToyImages.Row>());

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => _mlContext.Transforms.HiMoClip(ToyImages.Options()).Fit(empty));

        Assert.Contains("at least 2 rows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_row_without_a_image_is_named()
    {
        _images.Rows[3].ImagePath = "";

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => _images.Train(_mlContext));

        Assert.Contains("Row 3 has no image", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_out_of_range_are_named()
    {
        (Action<HiMoClipOptions> Set, string Name)[] cases =
        [
            (o => o.BatchSize = 1, "BatchSize"), (o => o.Epochs = 0, "Epochs"), (o => o.MicroBatchSize = 0, "MicroBatchSize"),
            (o => o.LearningRate = 0, "LearningRate"), (o => o.MaxSteps = 0, "MaxSteps"), (o => o.MaxGradientNorm = 0, "MaxGradientNorm"),
            (o => o.Devices = [], "Devices"), (o => o.MaxLogitScale = 0.5, "MaxLogitScale"),
            (o => (o.InitialLogitScale, o.MaxLogitScale) = (200, 100), "InitialLogitScale"),
            (o => (o.InitialLogitScale, o.Objective) = (200, new ClipObjective()), "InitialLogitScale"),
            (o => o.InitialLogitScale = double.PositiveInfinity, "InitialLogitScale"),
            (o => o.FreezeImageTower = o.FreezeTextTower = true, "FreezeTextTower"), (o => o.FrozenTextBlocks = -1, "FrozenTextBlocks"),
            (o => o.Patience = 1, "Patience"), (o => o.CheckpointEverySteps = 5, "CheckpointEverySteps"), (o => o.CheckpointsKept = 0, "CheckpointsKept"),
            (o => o.WarmupSteps = -1, "WarmupSteps"), (o => o.ImageColumnName = "", "ImageColumnName"),
        ];
        foreach ((Action<HiMoClipOptions>? set, string? name) in cases)
        {
            HiMoClipOptions options = ToyImages.Options();
            set(options);
            Assert.Contains($"HiMoClipOptions.{name} must be", Assert.ThrowsAny<ArgumentException>(() => _mlContext.Transforms.HiMoClip(options)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Settings_of_an_objective_out_of_range_are_named()
    {
        (ContrastiveObjective Objective, string Name)[] cases =
        [
            (new HiMoObjective { VarianceRatio = 1.5 }, "HiMoObjective.VarianceRatio"), (new HiMoObjective { ComponentWeight = -1 }, "HiMoObjective.ComponentWeight"),
            (new ClipObjective { LabelSmoothing = 1 }, "ClipObjective.LabelSmoothing"), (new LongClipObjective { ImageComponents = 0 }, "LongClipObjective.ImageComponents"),
            (new SmartClipObjective { SparsityWeight = -1 }, "SmartClipObjective.SparsityWeight"), (new SmartClipObjective { AlignmentWeight = 0 }, "SmartClipObjective.AlignmentWeight"),
        ];
        foreach ((ContrastiveObjective? objective, string? name) in cases)
        {
            Assert.Contains($"{name} must be", Assert.ThrowsAny<ArgumentException>(() => _mlContext.Transforms.HiMoClip(new HiMoClipOptions { Objective = objective })).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_GPU_that_is_not_there_is_an_error_unless_the_context_may_fall_back()
    {
        if (TorchSharp.torch.cuda.is_available())
        {
            return;
        }

        var mlContext = new MLContext(seed: 1) { GpuDeviceId = 0 };
        Assert.Contains("GpuDeviceId is 0", Assert.Throws<InvalidOperationException>(() => _images.Train(mlContext)).Message, StringComparison.Ordinal);
        mlContext.FallbackToCpu = true;
        _images.Train(mlContext).Dispose();
    }

    [Fact]
    public void Options_that_change_after_the_estimator_is_made_change_nothing_in_it()
    {
        string[] labels = ["red", "green"];
        List<string> templates = ["{0}"];
        var steps = new Steps();
        HiMoClipOptions options = ToyImages.Options(epochs: 2);
        (options.Labels, options.Templates, options.Progress) = (labels, templates, steps);
        HiMoClipEstimator estimator = _mlContext.Transforms.HiMoClip(options);
        (options.Epochs, options.BatchSize, options.ImageColumnName, options.Progress, options.Labels) = (0, 1, "Photo", null, null);
        labels[0] = "green";
        templates.Clear();

        using HiMoClipTransformer model = estimator.Fit(_mlContext.Data.LoadFromEnumerable(_images.Rows));

        Assert.Equal(4, steps.Count);
        Assert.Equal(["red", "green"], model.Labels);
    }

    private sealed class FullDisk : IProgress<TrainingProgress>
    {
        public int Calls { get; private set; }

        public void Report(TrainingProgress value)
        {
            Calls++;
            throw new IOException("No space left on device.");
        }
    }

    [Fact]
    public void Progress_that_cannot_be_written_costs_a_warning()
    {
        HiMoClipOptions options = ToyImages.Options(epochs: 2);
        var disk = new FullDisk();
        options.Progress = disk;

        string warning = Assert.Single(Warnings(new MLContext(seed: 1), options));

        Assert.Contains("HiMoClipOptions.Progress could not write step 1: No space left on device. Training goes on", warning, StringComparison.Ordinal);
        Assert.Equal(1, disk.Calls);
    }

    private List<string> Warnings(MLContext mlContext, HiMoClipOptions? options = null)
    {
        var warnings = new List<string>();
        mlContext.Log += (_, e) =>
        {
            if (e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning)
            {
                warnings.Add(e.Message);
            }
        };
        _images.Train(mlContext, options).Dispose();
        return warnings;
    }

    [Fact]
    public void A_training_on_the_CPU_that_was_to_run_on_a_GPU_says_so_and_why()
    {
        if (TorchSharp.torch.cuda.is_available())
        {
            return;
        }

        var mlContext = new MLContext(seed: 1) { GpuDeviceId = 0, FallbackToCpu = true };
        Assert.Matches("A GPU is asked for, and the training runs on the CPU: .*(build for CPUs.*TorchSharp-cuda-linux|sees no CUDA device)", Assert.Single(Warnings(mlContext)));
    }

    [Fact]
    public void Half_precision_on_a_processor_without_it_warns()
    {
        HiMoClipOptions options = ToyImages.Options(epochs: 1);
        options.Precision = TrainingPrecision.BFloat16;
        List<string> warnings = Warnings(new MLContext(seed: 1), options);

        if (HalfPrecisionUnits.Exist(TrainingPrecision.BFloat16))
        {
            Assert.Empty(warnings);
        }
        else
        {
            Assert.Contains("no units for BFloat16", Assert.Single(warnings), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_validation_set_has_its_own_share_of_unreadable_images()
    {
        string broken = WriteBrokenImage();
        ToyImages.Row[] held = [.. _images.Rows.Take(3), new() { ImagePath = broken, Caption = "Broken." }];
        foreach (ValidationMetric metric in Enum.GetValues<ValidationMetric>())
        {
            HiMoClipOptions options = ToyImages.Options(epochs: 1);
            options.ValidationSet = _mlContext.Data.LoadFromEnumerable(held);
            options.ValidationMetric = metric;
            options.MaxUnreadableShare = 0.25;                                // one of four
            _images.Train(_mlContext, options).Dispose();

            options.MaxUnreadableShare = 0.1;                                 // one of sixteen, none of four
            Exception error = Assert.ThrowsAny<Exception>(() => _images.Train(_mlContext, options));
            Assert.True(error is ImageReadException or InvalidDataException, error.Message);
        }
    }
}
