using System.Diagnostics;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Scenes;
using Microsoft.ML;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>
/// The paper's protocol on scenes: a CLIP is pretrained on short captions, its 77 positions are stretched to 248, and it is
/// fine-tuned on long captions with each objective, everything else the same. What is done stands in the folder and is not done again.
/// </summary>
/// <param name="folder">Where models and results are.</param>
/// <param name="plan">How much is done.</param>
/// <param name="cancellation">Ctrl+C.</param>
internal sealed class PaperReproduction(string folder, ReproductionPlan plan, CancellationToken cancellation)
{
    /// <summary>The variant that is not fine-tuned.</summary>
    public const string Pretrained = "pretrained, stretched";

    // Scenes that are pretrained on are not those that are fine-tuned on, of which each seed has its own; all are tested on the same.
    private const int PretrainingSeed = 1, FineTuningSeeds = 1000, TestSeed = 1;

    private readonly SceneRenderer _renderer = SceneRenderer.Load(SceneData.Drawings);
    private readonly Scene[] _test = [.. Scene.Sequence(TestSeed, SceneSplit.Test, distinct: true).Take(plan.TestScenes)];

    /// <summary>All runs of the plan, those done before and those that are missing.</summary>
    public IReadOnlyList<ReproductionRun> Run()
    {
        List<ReproductionRun> runs = [];
        foreach (string network in plan.Networks)
        {
            string checkpoint = Pretrain(network);
            ReproductionRun before = Once(network, Pretrained, 1, () => (ClipEmbedder.Load(checkpoint), new Steps(null)));
            for (int seed = 1; seed <= plan.Seeds; seed++)
            {
                runs.Add(before with { Seed = seed });
                foreach (Variant variant in plan.Variants.Select(ReproductionVariants.Named))
                {
                    runs.Add(Once(network, variant.Name, seed, () => FineTune(checkpoint, variant, seed)));
                }
            }
        }

        return runs;
    }

    private string Pretrain(string network)
    {
        string checkpoint = Path.Combine(folder, $"{network}-pretrained"), states = checkpoint + ".states";
        if (Path.Exists(checkpoint))
        {
            return checkpoint;
        }

        MLContext mlContext = Context(PretrainingSeed);
        List<double> recall = [];
        IDataView gists = Train(mlContext, PretrainingSeed, plan.PretrainingScenes);
        using (HiMoClipTransformer model = Fit(mlContext, $"pretraining {network}", gists, new()
        {
            ImageColumnName = nameof(SceneRow.Image),
            CaptionColumnName = nameof(SceneRow.ShortCaption),
            Architecture = plan.Network(network),
            Objective = new ClipObjective(),
            Epochs = plan.PretrainingEpochs,
            BatchSize = plan.BatchSize,
            ValidationSet = SceneData.Load(mlContext,
                Scene.Sequence(TestSeed, SceneSplit.Validation, distinct: true).Take(plan.TestScenes), _renderer, plan.ImageSize),
            ValidationMetric = ValidationMetric.RecallAt1,
            Patience = plan.Patience,
            CheckpointFolder = states,
            ResumeFrom = Directory.Exists(states) ? states : null,
            CheckpointsKept = 1,
        }, new Steps(recall)))
        {
            // In that form the 77 positions are one table, as CLIP's are, which is stretched when it is loaded; it has no ResNet.
            if (plan.Network(network).IsVisionTransformer)
            {
                model.SaveHuggingFace(checkpoint);
            }
            else
            {
                model.SaveCheckpoint(checkpoint);
            }
        }

        Directory.Delete(states, recursive: true);
        Console.WriteLine($"{network}: recall@1 of validation gists, epoch by epoch: "
            + string.Join(", ", recall.Select(r => $"{r:f1}")));
        return checkpoint;
    }

    private (ClipEmbedder, Steps) FineTune(string checkpoint, Variant variant, int seed)
    {
        MLContext mlContext = Context(seed);
        var steps = new Steps(null);
        IDataView captions = Train(mlContext, FineTuningSeeds + seed, plan.FineTuningScenes);
        using HiMoClipTransformer model = Fit(mlContext, $"{variant.Name}, seed {seed}", captions, new()
        {
            ImageColumnName = nameof(SceneRow.Image),
            CaptionColumnName = nameof(SceneRow.Caption),
            Checkpoint = checkpoint,
            Objective = variant.Create(),
            Epochs = plan.FineTuningEpochs,
            BatchSize = variant.BatchSize ?? plan.BatchSize,
            MicroBatchSize = Math.Min(256, variant.BatchSize ?? plan.BatchSize),
            LearningRate = plan.FineTuningRate,
        }, steps);
        return (model.CreateEmbedder(), steps);
    }

    private HiMoClipTransformer Fit(MLContext mlContext, string what, IDataView data, HiMoClipOptions options, Steps steps) =>
        ProgressDisplay.Show(what, report =>
        {
            steps.Show = step => report(step.Step, step.TotalSteps, $"{what}: loss {step.Loss:f3}, {step.ImagesPerSecond:f0} images/s");
            options.Progress = steps;
            options.CancellationToken = cancellation;
            return mlContext.Transforms.HiMoClip(options).Fit(data);
        });

    private ReproductionRun Once(string network, string variant, int seed, Func<(ClipEmbedder, Steps)> train)
    {
        string path = ReproductionRun.PathOf(folder, network, variant, seed);
        if (ReproductionRun.Read(path) is { } done)
        {
            return done;
        }

        var clock = Stopwatch.StartNew();
        (ClipEmbedder trained, Steps steps) = train();
        using ClipEmbedder embedder = trained;
        var run = new ReproductionRun
        {
            Network = network,
            Variant = variant,
            Seed = seed,
            Steps = steps.Count,
            Loss = steps.Mean(step => step.Loss),
            Components = steps.Mean(step => step.Components),
            LogitScale = embedder.LogitScale,
            Measures = SceneMeasures.Of(embedder, _test, _renderer, plan.ImageSize, cancellation),
            Seconds = clock.Elapsed.TotalSeconds,
        };
        run.Write(path);
        Console.WriteLine($"{network}, {variant}, seed {seed}: "
            + string.Join(", ", run.Measures.Select(m => $"{m.Key} {m.Value.Average():f2}")) + $" ({run.Seconds:f0} s)");
        return run;
    }

    private IDataView Train(MLContext mlContext, int seed, int count) => SceneData.Load(mlContext,
        Scene.Sequence(seed, SceneSplit.Train, distinct: false).Take(count), _renderer, plan.ImageSize);

    private static MLContext Context(int seed) => new(seed) { GpuDeviceId = 0, FallbackToCpu = true };

    /// <summary>Keeps what training tells.</summary>
    private sealed class Steps(List<double>? scores) : IProgress<TrainingProgress>
    {
        private readonly List<TrainingProgress> _steps = [];

        public Action<TrainingProgress>? Show { get; set; }

        public int Count => _steps.Count;

        public double Mean(Func<TrainingProgress, double> value) =>
            _steps.Count == 0 ? 0 : _steps.TakeLast(Math.Max(1, _steps.Count / 10)).Average(value);

        public void Report(TrainingProgress value)
        {
            _steps.Add(value);
            if (value.ValidationScore is { } score)
            {
                scores?.Add(score);
            }

            Show?.Invoke(value);
        }
    }
}
