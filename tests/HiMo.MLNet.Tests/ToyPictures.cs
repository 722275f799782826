using System.Diagnostics.CodeAnalysis;
using HiMo.MLNet.Tests.Images;
using Microsoft.ML;

namespace HiMo.MLNet.Tests;

/// <summary>Sixteen pictures of two coloured halves with captions, in a temporary folder.</summary>
public sealed class ToyPictures : IDisposable
{
    [SuppressMessage("Performance", "CA1812", Justification = "Read by ML.NET.")]
    public sealed class Row
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }

    private static readonly (string Name, byte R, byte G, byte B)[] s_colours = [("red", 220, 20, 20), ("green", 20, 200, 20), ("blue", 20, 20, 220), ("yellow", 230, 220, 20)];

    public ToyPictures()
        : this(Directory.CreateTempSubdirectory("himo-toy").FullName)
    {
    }

    /// <summary>Writes the pictures to a folder, anew if they are there.</summary>
    public ToyPictures(string folder)
    {
        Folder = folder;
        foreach (var top in s_colours)
            foreach (var bottom in s_colours)
            {
                byte[][] rows = [.. Enumerable.Range(0, 32).Select(y => y < 16 ? top : bottom).Select(c =>
                    Enumerable.Repeat((byte[])[c.R, c.G, c.B], 32).SelectMany(rgb => rgb).ToArray())];
                string path = Path.Combine(Folder, $"{top.Name}-{bottom.Name}.png");
                File.WriteAllBytes(path, PngFile.Create(32, 8, 2, rows));
                Rows.Add(new() { ImagePath = path, Caption = $"Two colours. The top is {top.Name}. The bottom is {bottom.Name}." });
            }
    }

    public string Folder { get; }

    public List<Row> Rows { get; } = [];

    /// <summary>The smallest networks that learn it: seconds on a CPU.</summary>
    internal static ClipArchitecture Tiny { get; } = new(32, 32, [1], 64, 8, 64, 1);

    internal static HiMoClipOptions Options(int epochs = 2) => new() { Architecture = Tiny, Epochs = epochs, BatchSize = 8 };

    internal HiMoClipTransformer Train(MLContext mlContext, HiMoClipOptions? options = null) =>
        mlContext.Transforms.HiMoClip(options ?? Options()).Fit(mlContext.Data.LoadFromEnumerable(Rows));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
