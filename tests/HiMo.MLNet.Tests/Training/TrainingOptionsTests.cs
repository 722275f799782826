using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Training;

/// <summary>The options of a training, as a user meets them.</summary>
public sealed class TrainingOptionsTests : IDisposable
{
    private readonly MLContext _mlContext = new(seed: 5);
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    private Dictionary<string, float[]> Weights(HiMoClipOptions options)
    {
        using HiMoClipTransformer model = _images.Train(new MLContext(seed: 4), options);
        string path = Path.Combine(_images.Folder, "weights.safetensors");
        model.SaveCheckpoint(path);
        return GoldenFile.Read(path).ToDictionary(t => t.Key, t => t.Value.Values);
    }

    private static HiMoClipOptions Options(Action<HiMoClipOptions>? change = null, int epochs = 2)
    {
        HiMoClipOptions options = ToyImages.Options(epochs);
        change?.Invoke(options);
        return options;
    }

    [Theory]
    [InlineData(typeof(ClipObjective))]
    [InlineData(typeof(LongClipObjective))]
    [InlineData(typeof(HiMoObjective))]
    [InlineData(typeof(SmartClipObjective))]
    public void Every_objective_learns_to_tell_images_apart(Type objective)
    {
        HiMoClipOptions options = Options(epochs: 120);
        options.BatchSize = 16;
        options.Objective = (ContrastiveObjective)Activator.CreateInstance(objective)!;
        options.CaptionSampling = CaptionSampling.Whole;
        using HiMoClipTransformer model = _images.Train(_mlContext, options);

        Assert.InRange(model.EvaluateRetrieval(_mlContext.Data.LoadFromEnumerable(_images.Rows)).ImageToTextRecallAt1, 30, 100);   // chance: 6.25
    }

    [Fact]
    public void Two_devices_and_one_train_alike()
    {
        float[][] Embeddings(IReadOnlyList<string>? devices)
        {
            using HiMoClipTransformer model = _images.Train(new MLContext(seed: 4), Options(o => o.Devices = devices));
            return [.. model.Transform(_mlContext.Data.LoadFromEnumerable(_images.Rows)).GetColumn<float[]>("ImageEmbedding")];
        }
        float[][] one = Embeddings(null), two = Embeddings(["cpu", "cpu"]);

        Assert.All(one.Zip(two), pair => Assert.InRange(pair.First.Zip(pair.Second, (a, b) => Math.Abs(a - b)).Max(), 0, 1e-3f));
    }

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        if (TorchSharp.torch.cuda.is_available())
        {
            return;
        }

        Assert.Contains("'cuda:3'", Assert.Throws<InvalidOperationException>(() => Weights(Options(o => o.Devices = ["cuda:3"]))).Message, StringComparison.Ordinal);
        Assert.Contains("'gpu'", Assert.Throws<ArgumentException>(() => Weights(Options(o => o.Devices = ["gpu"]))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Frozen_parts_keep_their_weights_and_the_others_do_not()
    {
        _images.Rows.ForEach(row => row.Caption += " A plain image of two halves, one above the other, and of nothing else at all, which needs both tables of positions.");
        Dictionary<string, float[]> Trained(Action<HiMoClipOptions>? change) => Weights(Options(o =>
        {
            o.Architecture = ToyImages.Tiny with { VisionLayers = [2], TextLayers = 2 };
            o.WeightDecay = 0;
            change?.Invoke(o);
        }));
        // One step at a rate of next to nothing: the weights at the start.
        Dictionary<string, float[]> start = Trained(o => (o.MaxSteps, o.LearningRate) = (1, 1e-30));
        string[] Unchanged(Action<HiMoClipOptions> change)
        {
            Dictionary<string, float[]> trained = Trained(change);
            return [.. start.Keys.Where(name => start[name].Zip(trained[name], (a, b) => Math.Abs(a - b)).Max() < 1e-20).Order(StringComparer.Ordinal)];
        }

        string[] imageTower = [.. start.Keys.Where(n => n.StartsWith("visual.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        string[] textTower = [.. start.Keys.Where(n => !n.StartsWith("visual.", StringComparison.Ordinal) && n != "logit_scale").Order(StringComparer.Ordinal)];
        Assert.Equal(imageTower, Unchanged(o => o.FreezeImageTower = true));
        Assert.Equal(textTower, Unchanged(o => o.FreezeTextTower = true));
        Assert.Equal(imageTower.Where(n => !n.Contains("resblocks.1", StringComparison.Ordinal) && !n.Contains("ln_post", StringComparison.Ordinal) && n != "visual.proj"),
            Unchanged(o => o.FrozenImageBlocks = 1));
        Assert.Equal(textTower.Where(n => n.Contains("resblocks.0", StringComparison.Ordinal) || n is "token_embedding.weight" or "positional_embedding" or "positional_embedding_res"),
            Unchanged(o => o.FrozenTextBlocks = 1));
        Assert.Empty(Unchanged(_ => { }));
    }

    // The checkpoint of a CLIP with 77 tokens: one table of positions.
    private string ShortCheckpoint()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ClipModel(ToyImages.Tiny with { ContextLength = 77 });
        using var generator = new Generator(11);
        model.Initialize(generator);
        string path = Path.Combine(_images.Folder, "short.safetensors");
        using FileStream file = File.Create(path);
        Safetensors.Write(file, [.. ClipWeights.Tensors(model).Where(t => t.Key != "positional_embedding_res").Select(t => (t.Key, t.Value.detach()))]);
        return path;
    }

    [Fact]
    public void The_first_positions_of_a_stretched_CLIP_are_trained_only_if_that_is_asked_for()
    {
        // Long enough to read the second table.
        _images.Rows.ForEach(row => row.Caption += " A plain image of two halves, one above the other, and of nothing else at all, which needs both tables of positions.");
        string shortCheckpoint = ShortCheckpoint(), longCheckpoint = _images.Checkpoint();
        (bool First, bool Second) Trains(string checkpoint, bool? freeze)
        {
            Dictionary<string, float[]> Trained(double rate) => Weights(Options(
                o => (o.Checkpoint, o.FreezeFirstPositions, o.LearningRate, o.WeightDecay) = (checkpoint, freeze, rate, 0), epochs: 1));
            Dictionary<string, float[]> before = Trained(1e-30), after = Trained(1e-2);
            return (!before["positional_embedding"].SequenceEqual(after["positional_embedding"]), !before["positional_embedding_res"].SequenceEqual(after["positional_embedding_res"]));
        }

        Assert.Equal((false, true), Trains(shortCheckpoint, null));
        Assert.Equal((true, true), Trains(shortCheckpoint, false));
        Assert.Equal((true, true), Trains(longCheckpoint, null));
        Assert.Equal((false, true), Trains(longCheckpoint, true));
    }

    [Fact]
    public void A_resumed_training_knows_that_its_positions_were_stretched()
    {
        string folder = Path.Combine(_images.Folder, "checkpoints");
        HiMoClipOptions Fresh(string? resumeFrom, CancellationToken token = default, IProgress<TrainingProgress>? progress = null) => Options(o =>
            (o.Checkpoint, o.LearningRate, o.CheckpointFolder, o.ResumeFrom, o.CancellationToken, o.Progress) = (ShortCheckpoint(), 1e-2, folder, resumeFrom, token, progress), epochs: 3);
        using var stop = new CancellationTokenSource();
        Assert.ThrowsAny<OperationCanceledException>(() => Weights(Fresh(null, stop.Token, new Collect([], _ => stop.Cancel()))));

        float[] begun = GoldenFile.Read(Directory.GetFiles(folder, "step-*").Single())["positional_embedding"].Values;
        Assert.Equal(begun, Weights(Fresh(folder))["positional_embedding"]);
    }

    [Fact]
    public void More_frozen_blocks_than_there_are_is_an_error()
    {
        ArgumentOutOfRangeException error = Assert.Throws<ArgumentOutOfRangeException>(() => Weights(Options(o => o.FrozenTextBlocks = 2)));
        Assert.Contains("FrozenTextBlocks must be at most 1", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Clipping_bounds_the_first_step()
    {
        // AdamW's first step does not see the gradients' size; the third does, through the running averages.
        Dictionary<string, float[]> plain = Weights(Options()), clipped = Weights(Options(o => o.MaxGradientNorm = 1e-3)), loose = Weights(Options(o => o.MaxGradientNorm = 1e6));
        Assert.Equal(plain["visual.proj"], loose["visual.proj"]);
        Assert.NotEqual(plain["visual.proj"], clipped["visual.proj"]);
    }

    [Fact]
    public void Without_a_bound_the_logit_scale_may_start_anywhere_but_CLIPs_is_bounded_by_100()
    {
        Dictionary<string, float[]> weights = Weights(Options(o => (o.InitialLogitScale, o.MaxSteps, o.LearningRate) = (150, 1, 1e-30)));
        Assert.Equal(Math.Log(150), weights["logit_scale"][0], 5);

        weights = Weights(Options(o => (o.Objective, o.InitialLogitScale, o.MaxLogitScale, o.MaxSteps, o.LearningRate) = (new ClipObjective(), 150, double.PositiveInfinity, 1, 1e-30)));
        Assert.Equal(Math.Log(150), weights["logit_scale"][0], 5);

        Assert.Equal(100, TrainingPlan.Of(Options(o => o.Objective = new ClipObjective()), 16).MaxLogitScale);
        Assert.All((ContrastiveObjective[])[new HiMoObjective(), new LongClipObjective(), new SmartClipObjective()],
            objective => Assert.Equal(double.PositiveInfinity, TrainingPlan.Of(Options(o => o.Objective = objective), 16).MaxLogitScale));
    }

    [Fact]
    public void A_warm_up_that_is_set_is_as_long_as_it_says()
    {
        double[] Rates(int? warmup, int epochs)
        {
            var seen = new List<TrainingProgress>();
            Weights(Options(o => (o.WarmupSteps, o.LearningRate, o.Progress) = (warmup, 1e-4, new Collect(seen)), epochs));
            return [.. seen.Select(p => p.LearningRate / 1e-4)];
        }

        Assert.Equal([0.25, 0.5, 0.75, 1], Rates(4, epochs: 3)[..4], (a, b) => Math.Abs(a - b) < 1e-9);   // six steps
        Assert.Equal([0.1, 0.2], Rates(10, epochs: 1), (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.Equal([1.0], Rates(0, epochs: 1)[..1]);
        Assert.Equal([0.5, 1], Rates(null, epochs: 10)[..2], (a, b) => Math.Abs(a - b) < 1e-9);           // a tenth of twenty steps
    }

    [Fact]
    public void The_log_tells_the_warm_up_and_where_it_comes_from()
    {
        List<string> Log(int? warmup)
        {
            var mlContext = new MLContext(seed: 5);
            List<string> log = [];
            mlContext.Log += (_, e) => log.Add(e.Message);
            _images.Train(mlContext, Options(o => o.WarmupSteps = warmup, epochs: 10)).Dispose();
            return log;
        }

        Assert.Contains(Log(null), line => line.Contains("20 steps, of which 2 warm up, the default for its length", StringComparison.Ordinal));
        Assert.Contains(Log(7), line => line.EndsWith("20 steps, of which 7 warm up.", StringComparison.Ordinal));
        Assert.Contains(Log(20), line => line.Contains("not over when the training ends", StringComparison.Ordinal));
    }

    [Fact]
    public void The_logit_scale_starts_and_stays_where_it_is_told()
    {
        Dictionary<string, float[]> weights = Weights(Options(o => (o.InitialLogitScale, o.MaxLogitScale, o.MaxSteps, o.LearningRate) = (40, 50, 1, 1e-30)));
        Assert.Equal(Math.Log(40), weights["logit_scale"][0], 5);

        weights = Weights(Options(o => (o.InitialLogitScale, o.MaxLogitScale, o.LearningRate) = (2, 2, 0.1)));
        Assert.InRange(weights["logit_scale"][0], 0, (float)Math.Log(2) + 1e-6f);
    }

    [Theory]
    [InlineData(false, 2, 6)]                                                 // 16 = 6 + 6 + 4
    [InlineData(true, 2, 4)]
    public void The_last_short_batch_is_kept_or_dropped(bool drop, int epochs, int steps)
    {
        var seen = new List<TrainingProgress>();
        Weights(Options(o => (o.BatchSize, o.DropLastBatch, o.Progress) = (6, drop, new Collect(seen)), epochs));
        Assert.Equal(steps, seen.Count);
        Assert.Equal(steps, seen[^1].TotalSteps);
    }

    [Fact]
    public void Steps_end_a_training_before_its_epochs_do()
    {
        var seen = new List<TrainingProgress>();
        Weights(Options(o => (o.MaxSteps, o.Progress) = (3, new Collect(seen)), epochs: 100));
        Assert.Equal([1, 2, 3], seen.Select(p => p.Step));
        Assert.Equal(3, seen[0].TotalSteps);
        Assert.Equal(TimeSpan.Zero, seen[^1].Remaining);
    }

    [Fact]
    public void Data_smaller_than_a_batch_that_must_be_full_is_refused()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Weights(Options(o => (o.BatchSize, o.DropLastBatch) = (17, true))));
        Assert.Contains("16 rows, a batch is 17", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TrainingPrecision.BFloat16)]
    [InlineData(TrainingPrecision.Float16)]
    public void Half_precision_learns_as_well(TrainingPrecision precision)
    {
        if (precision == TrainingPrecision.Float16 && !HasHalfProducts())
        {
            return;
        }

        var seen = new List<TrainingProgress>();
        HiMoClipOptions options = Options(o => (o.BatchSize, o.Precision, o.Progress) = (16, precision, new Collect(seen)), epochs: 120);
        using HiMoClipTransformer model = _images.Train(_mlContext, options);

        Assert.InRange(seen[^1].Loss, 0, seen[0].Loss * 0.8);
        Assert.InRange(model.EvaluateRetrieval(_mlContext.Data.LoadFromEnumerable(_images.Rows)).ImageToTextRecallAt1, 30, 100);
    }

    // Older CPU builds of torch have none.
    private static bool HasHalfProducts()
    {
        try
        {
            using torch.Tensor a = TorchSharp.torch.ones(2, 2, dtype: TorchSharp.torch.ScalarType.Float16);
            using torch.Tensor b = TorchSharp.torch.nn.functional.linear(a, a);
            return true;
        }
        catch (System.Runtime.InteropServices.ExternalException)
        {
            return false;
        }
    }

    [Theory]
    [InlineData(ValidationMetric.Loss)]
    [InlineData(ValidationMetric.RecallAt1)]
    [InlineData(ValidationMetric.HiMoAt3)]
    public void Fit_returns_the_best_epoch_on_the_validation_set(ValidationMetric metric)
    {
        // For three epochs there is one image only, which every caption finds. Then there are sixteen.
        ToyImages.Row[] rows = [.. _images.Rows.Select(r => new ToyImages.Row { ImagePath = _images.Rows[0].ImagePath, Caption = r.Caption })];
        string folder = Path.Combine(_images.Folder, "checkpoints");
        var seen = new List<TrainingProgress>();
        HiMoClipOptions options = Options(o => (o.ValidationMetric, o.CaptionSampling, o.CheckpointFolder, o.CheckpointsKept) = (metric, CaptionSampling.Mixed, folder, 6), epochs: 6);
        options.ValidationSet = _mlContext.Data.LoadFromEnumerable(rows);
        options.Progress = new Collect(seen, p =>
        {
            if (p.Epoch == 3 && p.ValidationScore is not null)
            {
                for (int i = 0; i < rows.Length; i++)
                {
                    rows[i].ImagePath = _images.Rows[i].ImagePath;
                }
            }
        });
        Dictionary<string, float[]> returned = Weights(options);

        List<double> scores = [.. seen.Where(p => p.ValidationScore is not null).Select(p => p.ValidationScore!.Value)];
        Assert.Equal(6, scores.Count);
        int best = scores.IndexOf(metric == ValidationMetric.Loss ? scores.Min() : scores.Max());
        if (metric == ValidationMetric.RecallAt1)
        {
            Assert.Equal((0, 100.0), (best, scores[0]));
        }
        // Every epoch left a checkpoint: two steps each.
        Dictionary<string, (long[], float[] Values)> checkpoint = GoldenFile.Read(Path.Combine(folder, $"step-{2 * (best + 1):d8}.safetensors"));
        Assert.All(returned, tensor => Assert.Equal(checkpoint[tensor.Key].Values, tensor.Value));
    }

    [Fact]
    public void A_metric_that_the_validation_set_does_not_have_chooses_no_epoch()
    {
        _images.Rows.ForEach(row => row.Caption = "Too short for three parts.");
        HiMoClipOptions options = Options(o => (o.ValidationSet, o.ValidationMetric, o.CheckpointFolder) =
            (_mlContext.Data.LoadFromEnumerable(_images.Rows), ValidationMetric.HiMoAt3, Path.Combine(_images.Folder, "checkpoints")));
        _images.Train(_mlContext, options).Dispose();
        Assert.NotEmpty(Directory.GetFiles(options.CheckpointFolder!));
    }

    [Fact]
    public void Patience_ends_a_training_that_does_not_get_better()
    {
        var seen = new List<TrainingProgress>();
        // At a rate of nothing, the loss does not get better.
        HiMoClipOptions options = Options(o => (o.ValidationSet, o.Patience, o.LearningRate, o.WeightDecay, o.Progress) =
            (_mlContext.Data.LoadFromEnumerable(_images.Rows), 2, 1e-30, 0, new Collect(seen)), epochs: 50);
        _images.Train(_mlContext, options).Dispose();

        Assert.Equal(3, seen[^1].Epoch);                                      // the first is the best, two more are waited for
    }

    [Fact]
    public void A_validation_set_without_the_columns_is_an_error_that_says_so()
    {
        IDataView held = _mlContext.Data.LoadFromEnumerable([new { Photo = "a.png", Caption = "A." }]);
        ArgumentException error = Assert.Throws<ArgumentException>(() => Weights(Options(o => o.ValidationSet = held)));
        Assert.Contains("ValidationSet: The image column 'ImagePath' is missing", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Captions_that_are_all_equal_or_empty_train_without_a_crash()
    {
        foreach (string caption in (string[])["The same for all.", ""])
        {
            _images.Rows.ForEach(row => row.Caption = caption);
            var seen = new List<TrainingProgress>();
            Weights(Options(o => o.Progress = new Collect(seen)));
            Assert.All(seen, p => Assert.True(double.IsFinite(p.Loss)));
            Assert.All(seen, p => Assert.Equal(1, p.Components));
        }
    }

    [Fact]
    public void TensorBoard_gets_an_event_file()
    {
        string folder = Path.Combine(_images.Folder, "runs", "first");
        Weights(Options(o => o.Progress = new TensorBoardProgress(folder)));

        // Records of the TFRecord format: length, checksum, a protocol buffer, checksum. Tags are in them as they are.
        string events = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(Assert.Single(Directory.GetFiles(folder))));
        Assert.Contains("brain.Event:2", events, StringComparison.Ordinal);
        Assert.Equal(4, events.Split("loss/component").Length - 1);          // four steps
    }

    private sealed class Collect(List<TrainingProgress> seen, Action<TrainingProgress>? then = null) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            seen.Add(value);
            then?.Invoke(value);
        }
    }
}
