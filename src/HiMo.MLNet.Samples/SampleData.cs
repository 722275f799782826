using System.IO.Compression;
using HiMo.MLNet.Cli;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples;

/// <summary>A drawing of the sample data: an emoji in one artist's style, with a caption that grows from general to particular.</summary>
internal sealed class Drawing
{
    [LoadColumn(0)] public string ImagePath { get; set; } = "";
    [LoadColumn(1)] public string Label { get; set; } = "";
    [LoadColumn(2)] public string Caption { get; set; } = "";
    [LoadColumn(3)] public string Name { get; set; } = "";
    [LoadColumn(4)] public string Split { get; set; } = "";

    /// <summary>The most general sentence of the caption, without its full stop: "An animal that is a bird".</summary>
    public string Kind() => Caption[..Caption.IndexOf('.', StringComparison.Ordinal)];
}

/// <summary>
/// The sample data: 1,365 emoji in two styles. Every Noto drawing and half of the Twemoji drawings train; the other half
/// tests: emoji whose name is known, in a style whose version of them was never seen.
/// </summary>
internal static class SampleData
{
    /// <summary>Unpacks the archive beside the program, once, and returns the folder. Several processes may do so at a time.</summary>
    public static string Unpack()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "emoji");
        if (!Directory.Exists(folder))
        {
            // Of its own, and moved when it is whole.
            string partial = Directory.CreateDirectory($"{folder}.{Guid.NewGuid():n}").FullName;
            ZipFile.ExtractToDirectory(Path.Combine(AppContext.BaseDirectory, "Data", "emoji.zip"), partial);
            try
            {
                Directory.Move(partial, folder);
            }
            catch (IOException) when (Directory.Exists(folder))
            {
                Directory.Delete(partial, recursive: true);
            }
        }

        return folder;
    }

    /// <summary>The drawings to train on and those to test on, all of them or the first so many of each.</summary>
    public static (IDataView Train, IDataView Test) Load(MLContext mlContext, string folder, int? most = null)
    {
        IDataView all = mlContext.Data.LoadFromTextFile<Drawing>(Path.Combine(folder, "emoji.tsv"), hasHeader: true);
        Drawing[] drawings = [.. mlContext.Data.CreateEnumerable<Drawing>(all, reuseRowObject: false)];
        return (mlContext.Data.LoadFromEnumerable(drawings.Where(d => d.Split == "train").Take(most ?? int.MaxValue).ToArray()),
            mlContext.Data.LoadFromEnumerable(drawings.Where(d => d.Split == "test").Take(most ?? int.MaxValue).ToArray()));
    }

    /// <summary>Trains a small CLIP from scratch, and shows how far it is.</summary>
    public static HiMoClipTransformer Train(
        MLContext mlContext, IDataView train, string folder, int epochs, CancellationToken cancellation) =>
        ProgressDisplay.Show("starting", report =>
        {
            HiMoClipOptions options = TrainingOptions(folder, epochs);
            options.Progress = new TrainingReport(report, epochs);
            options.CancellationToken = cancellation;
            return mlContext.Transforms.HiMoClip(options).Fit(train);
        });

    /// <summary>What learns most from so few and so small drawings in minutes on a CPU.</summary>
    private static HiMoClipOptions TrainingOptions(string folder, int epochs) => new()
    {
        ImageFolder = folder,
        Architecture = ClipArchitecture.Small with { ImageSize = 32, VisionWidth = 32, TextLayers = 1 },
        Epochs = epochs,
        BatchSize = 64,
        LearningRate = 5e-4,
        Augmentation = new ImageAugmentation
        {
            MinScale = 0.9,
            MaxScale = 1.1,
            Rotation = 5,
            Shift = 0.05,
            Brightness = 0.1,
            Contrast = 0.1,
            Saturation = 0.3,
        },
    };
}
