using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Benchmarks.Stress;

/// <summary>The kinds of work that <see cref="StressBenchmark"/> repeats: small, and the same bit for bit every time.</summary>
internal sealed class StressWork(string folder)
{
    /// <summary>Begins every line with a result.</summary>
    public const string ResultMark = "result";

    private static readonly ClipArchitecture s_resNet = new(32, 32, [1, 1, 1, 1], 8, null, 64, 1);

    private static readonly ContrastiveObjective[] s_objectives =
        [new ClipObjective(), new HiMoObjective(), new LongClipObjective { ImageComponents = 3 }, new SmartClipObjective()];

    private readonly ToyImages _images = new(Path.Combine(folder, "images"));

    /// <summary>Each with how many variants it has and the result of one of them.</summary>
    private static readonly Dictionary<string, (int Variants, Func<StressWork, int, string> Work)> s_kinds = new()
    {
        ["creation"] = (2, (work, variant) => Create(variant)),
        ["objectives"] = (8, (work, variant) => work.TrainFromScratch(variant)),
        ["fine-tuning"] = (4, (work, variant) => work.FineTune(variant)),
        ["prediction"] = (1, (work, _) => work.Predict()),
        ["evaluation"] = (1, (work, _) => work.Evaluate()),
        ["web"] = (1, (work, _) => work.AskWeb()),
    };

    public static IReadOnlyList<string> Kinds { get; } = [.. s_kinds.Keys];

    private sealed class Output
    {
        public float[] ImageEmbedding { get; set; } = [];
        public float[] TextEmbedding { get; set; } = [];
        public float[] Score { get; set; } = [];
    }

    private string Checkpoint => Path.Combine(_images.Folder, "Float32-11.safetensors");

    private string Zip => Path.Combine(folder, "model.zip");

    /// <summary>Writes the images, a checkpoint and a classifier.</summary>
    public static void Prepare(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "images"));
        var work = new StressWork(folder);
        var mlContext = new MLContext(1);
        IDataView rows = mlContext.Data.LoadFromEnumerable(work._images.Rows);
        using HiMoClipTransformer classifier = mlContext.Transforms.HiMoClip(work._images.Checkpoint(), labels: ["red", "green", "blue"]).Fit(rows);
        mlContext.Model.Save(classifier, rows.Schema, work.Zip);
    }

    /// <summary>Prints the result of every variant, and goes on until the time is up.</summary>
    public static void Run(string kind, string folder, double seconds)
    {
        (int variants, Func<StressWork, int, string> work) = s_kinds[kind];
        var self = new StressWork(folder);
        var clock = Stopwatch.StartNew();
        for (int i = 0; i < variants || clock.Elapsed.TotalSeconds < seconds; i++)
        {
            Console.WriteLine($"{ResultMark} {i % variants} {work(self, i % variants)}");
        }
    }

    private static string Create(int variant)
    {
        using var weights = new MemoryStream();
        for (ulong seed = 0; seed < 3; seed++)
        {
            using var model = new ClipModel(variant == 0 ? ToyImages.Tiny : s_resNet);
            using var generator = new torch.Generator(seed);
            model.Initialize(generator);
            ClipWeights.Save(model, weights);
        }

        return Hash(weights.ToArray());
    }

    // Every objective, in one pass through a transformer and with cached gradients through a ResNet.
    private string TrainFromScratch(int variant) => Train(new()
    {
        Objective = s_objectives[variant % 4],
        Architecture = variant < 4 ? ToyImages.Tiny : s_resNet,
        MicroBatchSize = variant < 4 ? null : 4,
        Epochs = 2,
        BatchSize = 8,
        MaxGradientNorm = 1,
    });

    private string FineTune(int variant)
    {
        var mlContext = new MLContext();
        string checkpoints = Directory.CreateDirectory(Path.Combine(folder, $"{Environment.ProcessId}")).FullName;
        var options = new HiMoClipOptions { Checkpoint = Checkpoint, Epochs = 2, BatchSize = 8, LearningRate = 1e-3 };
        switch (variant)
        {
            case 0:
                options.ValidationSet = mlContext.Data.LoadFromEnumerable(_images.Rows);
                (options.CheckpointFolder, options.CheckpointEverySteps) = (checkpoints, 1);
                break;
            case 1:
                options.Precision = TrainingPrecision.Float16;
                break;
            case 2:
                (options.Precision, options.FreezeImageTower) = (TrainingPrecision.BFloat16, true);
                break;
            default:
                (options.Devices, options.MicroBatchSize) = (["cpu", "cpu"], 2);
                break;
        }

        string result = Train(options);
        Directory.Delete(checkpoints, recursive: true);
        return result;
    }

    private string Train(HiMoClipOptions options)
    {
        var mlContext = new MLContext(7);
        using HiMoClipTransformer model = _images.Train(mlContext, options);
        string path = Path.Combine(folder, $"{Environment.ProcessId}.safetensors");
        model.SaveCheckpoint(path);
        return Hash(File.ReadAllBytes(path));
    }

    private string Predict()
    {
        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(Zip, out _);
        string[] results = new string[4];
        Thread[] threads = [.. Enumerable.Range(0, results.Length).Select(i => new Thread(() => results[i] = PredictAll(mlContext, model)))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        (model as IDisposable)?.Dispose();
        return Hash(string.Concat(results));
    }

    private string PredictAll(MLContext mlContext, ITransformer model)
    {
        using PredictionEngine<ToyImages.Row, Output> engine =
            mlContext.Model.CreatePredictionEngine<ToyImages.Row, Output>(model, new PredictionEngineOptions { OwnsTransformer = false });
        return string.Concat(_images.Rows.Select(row => engine.Predict(row)).Select(o => Text(o.ImageEmbedding) + Text(o.TextEmbedding) + Text(o.Score)));
    }

    private string Evaluate()
    {
        var mlContext = new MLContext();
        IDataView rows = mlContext.Data.LoadFromEnumerable(_images.Rows);
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(Checkpoint).Fit(rows);
        string embeddings = string.Concat(model.Transform(rows).GetColumn<float[]>("ImageEmbedding").Select(Text));
        return Hash($"{model.EvaluateRetrieval(rows)}{model.EvaluateMonotonicity(rows, 3)}{embeddings}");
    }

    private string AskWeb()
    {
        using var web = new WebProgram(Zip);
        string[] answers = new string[_images.Rows.Count];
        Parallel.For(0, answers.Length, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            using var content = new ByteArrayContent(File.ReadAllBytes(_images.Rows[i].ImagePath));
            using HttpResponseMessage response = web.Client.PostAsync("/classify", content).GetAwaiter().GetResult();
            answers[i] = response.EnsureSuccessStatusCode().Content.ReadAsStringAsync().GetAwaiter().GetResult();
        });
        return Hash(string.Concat(answers));
    }

    private static string Text(float[] values) => string.Join(' ', values.Select(v => v.ToString("r", CultureInfo.InvariantCulture)));

    private static string Hash(string text) => Hash(Encoding.UTF8.GetBytes(text));

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
