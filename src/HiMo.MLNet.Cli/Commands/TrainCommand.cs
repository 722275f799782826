using System.CommandLine;
using Microsoft.ML;
using TorchSharp;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Training or fine-tuning on captioned images.</summary>
internal static class TrainCommand
{
    private static readonly Dictionary<string, ClipArchitecture> s_architectures = new(StringComparer.OrdinalIgnoreCase)
    {
        ["small"] = ClipArchitecture.Small,
        ["ViT-B/32"] = ClipArchitecture.ViTB32,
        ["ViT-B/16"] = ClipArchitecture.ViTB16,
        ["ViT-L/14"] = ClipArchitecture.ViTL14,
        ["ViT-L/14@336px"] = ClipArchitecture.ViTL14At336,
        ["ViT-H/14"] = ClipArchitecture.ViTH14,
        ["ViT-g/14"] = ClipArchitecture.ViTg14,
        ["ViT-bigG/14"] = ClipArchitecture.ViTbigG14,
        ["RN50"] = ClipArchitecture.RN50,
        ["RN101"] = ClipArchitecture.RN101,
        ["RN50x4"] = ClipArchitecture.RN50x4,
        ["RN50x16"] = ClipArchitecture.RN50x16,
        ["RN50x64"] = ClipArchitecture.RN50x64,
    };

    private static readonly Dictionary<string, Func<ContrastiveObjective>> s_objectives = new(StringComparer.OrdinalIgnoreCase)
    {
        ["himo"] = () => new HiMoObjective(),
        ["clip"] = () => new ClipObjective(),
        ["long-clip"] = () => new LongClipObjective(),
        ["smart-clip"] = () => new SmartClipObjective(),
    };

    private static readonly HiMoClipOptions s_standard = new();

    private static readonly Option<string> s_data = CommandOption.Required<string>("--data", "DATA", CaptionedData.Help);
    private static readonly Option<string?> s_imageFolder = CommandOption.Of<string?>("--image-folder", "FOLDER",
        "Where relative image paths start. Default: the table's folder.");
    private static readonly Option<string?> s_checkpoint = CommandOption.Of<string?>("--checkpoint", "FILE",
        "A CLIP checkpoint to fine-tune. Default: train from scratch.");
    private static readonly Option<string> s_architecture = CommandOption.Of("--architecture", "NAME",
        $"The networks to train from scratch: {string.Join(", ", s_architectures.Keys)}.", "small");
    private static readonly Option<int> s_epochs = CommandOption.Of("--epochs", "COUNT", "Passes over the images.", s_standard.Epochs);
    private static readonly Option<int> s_batchSize = CommandOption.Of("--batch-size", "COUNT",
        "Images of a contrastive batch; more are better.", s_standard.BatchSize);
    private static readonly Option<int?> s_microBatchSize = CommandOption.Of<int?>("--micro-batch-size", "COUNT",
        "Images in memory at a time, for the same result. Default: the batch.");
    private static readonly Option<double?> s_learningRate = CommandOption.Of<double?>("--learning-rate", "RATE",
        "AdamW's rate. Default: 1e-6 with a checkpoint, 1e-3 from scratch.");
    private static readonly Option<string> s_objective = CommandOption.Of("--objective", "NAME",
        $"What training minimises: {string.Join(", ", s_objectives.Keys)}.", "himo");
    private static readonly Option<TrainingPrecision> s_precision = new("--precision")
    {
        Description = "The type of the heavy products.",
        DefaultValueFactory = _ => s_standard.Precision,
    };
    private static readonly Option<string?> s_checkpoints = CommandOption.Of<string?>("--checkpoints", "FOLDER",
        "A folder for checkpoints of the training, to go on from when it was interrupted: run the same command again.");
    private static readonly Option<bool> s_mpi = new("--mpi")
    {
        Description = "Share every batch with the other processes that mpirun, mpiexec or srun started.",
    };
    private static readonly Option<int?> s_seed = CommandOption.Of<int?>("--seed", "NUMBER", "Repeats a training.");
    private static readonly Option<string> s_output = OutputFile.Option("The ML.NET model to write (.zip).", ".zip");

    static TrainCommand()
    {
        s_architecture.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, [.. s_architectures.Keys]);
        s_objective.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, [.. s_objectives.Keys]);
    }

    public static Command Create()
    {
        Command command = new("train",
            "Train a CLIP model, or fine-tune a checkpoint, on images with captions.\n"
            + "Example: himo train --data images.tsv --checkpoint longclip-B.pt --epochs 3 --output model.zip")
        {
            s_data, CaptionedData.ImageColumn, CaptionedData.CaptionColumn, s_imageFolder, s_checkpoint, s_architecture,
            s_objective, s_epochs, s_batchSize,
            s_microBatchSize, s_learningRate, s_precision, s_checkpoints, s_mpi, s_seed, s_output, Context.Gpu, Json.Option,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(s_checkpoint) is not null && result.GetResult(s_architecture) is { Implicit: false })
            {
                result.AddError("Expected either --checkpoint, which has its own architecture, or --architecture.");
            }
        });
        command.SetWork(Train);
        return command;
    }

    private static int Train(ParseResult args, CancellationToken cancellation)
    {
        bool shares = args.GetValue(s_mpi);
        if (!shares && MpiCommunicator.StartedProcesses is > 1 and int processes)
        {
            throw new UsageException($"{processes} processes were started, and each would train a model of its own: add --mpi.");
        }

        MLContext mlContext = Context.Create(args.GetValue(Context.Gpu), args.GetValue(s_seed));
        HiMoClipOptions options = Options(args, cancellation);
        // What is wrong with the options shows before the data is read.
        _ = mlContext.Transforms.HiMoClip(options);
        if (shares)
        {
            return TrainShare(args, mlContext, options);
        }

        Train(args, mlContext, options, Load(args, mlContext, options), data => mlContext.Transforms.HiMoClip(options).Fit(data));
        return 0;
    }

    private static IDataView Load(ParseResult args, MLContext mlContext, HiMoClipOptions options)
    {
        (IDataView data, string? folder) = CaptionedData.Load(mlContext, args.GetRequiredValue(s_data));
        options.ImageFolder ??= folder;
        options.ImageColumnName = CaptionedData.Images(data, options.ImageColumnName);
        return data;
    }

    // Rank 0 writes and tells; an error is all ranks' when Fit throws it, and else ends those that wait for this one.
    private static int TrainShare(ParseResult args, MLContext mlContext, HiMoClipOptions options)
    {
        using var mpi = MpiCommunicator.Start();
        bool fits = false;
        HiMoClipTransformer Fit(IDataView data)
        {
            fits = true;
            HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(data);
            fits = false;
            return model;
        }

        try
        {
            options.Communicator = mpi;
            mlContext.GpuDeviceId = args.GetValue(Context.Gpu) ? mpi.LocalRank % torch.cuda.device_count() : null;
            IDataView data = Load(args, mlContext, options);
            if (mpi.Rank > 0)
            {
                Fit(data).Dispose();
                return 0;
            }

            ProgressDisplay.Warn(mpi.ToString());
            Train(args, mlContext, options, data, Fit);
            return 0;
        }
        catch (Exception e)
        {
            var failure = Failure.Of(e);
            if (!fits)
            {
                mpi.Abort(failure.Text);
            }

            if (mpi.Rank == 0)
            {
                Console.Error.WriteLine(failure.Text);
            }

            return failure.ExitCode;
        }
    }

    private static void Train(ParseResult args, MLContext mlContext, HiMoClipOptions options, IDataView data,
        Func<IDataView, HiMoClipTransformer> fit)
    {
        string output = args.GetRequiredValue(s_output);
        TrainingReport? report = null;
        OutputFile.Write(output, stream =>
        {
            using HiMoClipTransformer model = ProgressDisplay.Show("reading the data", show =>
            {
                options.Progress = report = new TrainingReport(show, options.Epochs);
                return fit(data);
            });
            mlContext.Model.Save(model, data.Schema, stream);
        });
        TrainingProgress? last = report?.Last;                                 // null where a resumed training was over already
        Console.WriteLine(args.GetValue(Json.Option)
            ? Json.Line(new { Output = output, Steps = last?.Step ?? 0, last?.Loss, last?.ImagesPerSecond })
            : $"{output}: {new FileInfo(output).Length / 1e6:f1} MB"
            + (last is null ? "" : $", {last.Step} steps, loss {last.Loss:f4}, {last.ImagesPerSecond:f0} images/s"));
    }

    private static HiMoClipOptions Options(ParseResult args, CancellationToken cancellation) => new()
    {
        ImageColumnName = args.GetRequiredValue(CaptionedData.ImageColumn),
        CaptionColumnName = args.GetRequiredValue(CaptionedData.CaptionColumn),
        ImageFolder = args.GetValue(s_imageFolder),
        Checkpoint = args.GetValue(s_checkpoint),
        Architecture = s_architectures[args.GetRequiredValue(s_architecture)],
        Epochs = args.GetValue(s_epochs),
        BatchSize = args.GetValue(s_batchSize),
        MicroBatchSize = args.GetValue(s_microBatchSize),
        LearningRate = args.GetValue(s_learningRate),
        Objective = s_objectives[args.GetRequiredValue(s_objective)](),
        Precision = args.GetValue(s_precision),
        CheckpointFolder = args.GetValue(s_checkpoints),
        ResumeFrom = args.GetValue(s_checkpoints) is { } folder && Directory.Exists(folder) ? folder : null,
        CancellationToken = cancellation,
    };
}
