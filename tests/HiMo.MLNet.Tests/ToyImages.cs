using System.Diagnostics.CodeAnalysis;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Images;
using Microsoft.ML;
using TorchSharp;

namespace HiMo.MLNet.Tests;

/// <summary>Sixteen images of two coloured halves with captions, in a temporary folder.</summary>
public sealed class ToyImages : IDisposable
{
    [SuppressMessage("Performance", "CA1812", Justification = "Read by ML.NET.")]
    public sealed class Row
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }

    private static readonly (string Name, byte R, byte G, byte B)[] s_colours = [("red", 220, 20, 20), ("green", 20, 200, 20), ("blue", 20, 20, 220), ("yellow", 230, 220, 20)];

    public ToyImages()
        : this(Directory.CreateTempSubdirectory("himo-toy").FullName)
    {
    }

    /// <summary>Writes the images to a folder, anew if they are there.</summary>
    public ToyImages(string folder)
    {
        Folder = folder;
        foreach ((string Name, byte R, byte G, byte B) top in s_colours)
        {
            foreach ((string Name, byte R, byte G, byte B) bottom in s_colours)
            {
                byte[][] rows = [.. Enumerable.Range(0, 32).Select(y => y < 16 ? top : bottom).Select(c =>
                    Enumerable.Repeat((byte[])[c.R, c.G, c.B], 32).SelectMany(rgb => rgb).ToArray())];
                string path = Path.Combine(Folder, $"{top.Name}-{bottom.Name}.png");
                File.WriteAllBytes(path, PngFile.Create(32, 8, 2, rows));
                Rows.Add(new() { ImagePath = path, Caption = $"Two colours. The top is {top.Name}. The bottom is {bottom.Name}." });
            }
        }
    }

    public string Folder { get; }

    public List<Row> Rows { get; } = [];

    /// <summary>The smallest networks that learn it: seconds on a CPU.</summary>
    internal static ClipArchitecture Tiny { get; } = new(32, 32, [1], 64, 8, 64, 1);

    internal static HiMoClipOptions Options(int epochs = 2) => new() { Architecture = Tiny, Epochs = epochs, BatchSize = 8 };

    internal HiMoClipTransformer Train(MLContext mlContext, HiMoClipOptions? options = null) =>
        mlContext.Transforms.HiMoClip(options ?? Options()).Fit(mlContext.Data.LoadFromEnumerable(Rows));

    /// <summary>
    /// A checkpoint of a tiny model with random weights, in the folder of the images; larger ones than training begins
    /// with, so that images differ.
    /// </summary>
    internal string Checkpoint(torch.ScalarType type = torch.ScalarType.Float32, ulong seed = 11)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        using IDisposable _ = torch.no_grad();
        using var model = new ClipModel(Tiny);
        using var generator = new torch.Generator(seed);
        model.Initialize(generator);
        foreach ((string name, torch.Tensor weights) in ClipWeights.Tensors(model))
        {
            model.StoredTypes[name] = type;
            if (weights.dim() > 1 || name == "visual.class_embedding")
            {
                weights.copy_(torch.randn(weights.shape, generator: generator).Times(Math.Sqrt((double)weights.shape[0] / weights.numel())));
            }
        }
        string path = Path.Combine(Folder, $"{type}-{seed}.safetensors");
        using FileStream file = File.Create(path);
        ClipWeights.Save(model, file);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
