using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Embedding;
using Microsoft.ML;
using Microsoft.ML.Data;
using SkiaSharp;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Image files of 1024 × 768 through a ViT-B/16 of random weights: how long decoding and the network take, each alone and together, and the
/// most memory the process holds.</summary>
internal static class FilesBenchmark
{
    private const int Rounds = 3;

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
    }

    public static void Run(int count)
    {
        string folder = Directory.CreateTempSubdirectory("himo-files").FullName;
        try
        {
            string checkpoint = Path.Combine(folder, "model.safetensors");
            RandomModel.Write(checkpoint);
            string[] paths = [.. Enumerable.Range(0, count).Select(i => WriteImage(folder, i))];
            using var model = ClipEmbedder.Load(checkpoint);
            var mlContext = new MLContext(1);
            IDataView data = mlContext.Data.LoadFromEnumerable(paths.Select(path => new Row { ImagePath = path }).ToArray());
            using HiMoClipTransformer transformer = mlContext.Transforms.HiMoClip(checkpoint).Fit(data);
            byte[] planes = new byte[count * model.Encoder.Planes.Length];
            Action[] works =
            [
                () => Decode(model.Encoder.Planes, paths, planes),
                () => Decode(model.Encoder.ReducedPlanes, paths, planes),
                () => model.Encoder.EncodePlanes(planes),
                () => model.EmbedImages(paths.Select(ClipImage.FromFile)),
                () => transformer.Transform(data).GetColumn<float[]>("ImageEmbedding").Count(),
            ];
            double[] seconds = Medians(works);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"{count} images: decoding alone {seconds[0]:f2} s, JPEGs reduced {seconds[1]:f2} s, the network alone {seconds[2]:f2} s, EmbedImages {seconds[3]:f2} s, a pipeline {seconds[4]:f2} s; peak {Memory.Peak / 1e6:f0} MB with two models"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Writes what <see cref="Run"/> measures with, for <c>himo embed</c>.</summary>
    public static void Write(string folder, int count)
    {
        Directory.CreateDirectory(folder);
        RandomModel.Write(Path.Combine(folder, "model.safetensors"));
        for (int i = 0; i < count; i++)
        {
            WriteImage(folder, i);
        }
    }

    private static double[] Medians(Action[] works)
    {
        List<double>[] seconds = [.. works.Select(_ => new List<double>())];
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < works.Length; i++)
            {
                var clock = Stopwatch.StartNew();
                works[i]();
                seconds[i].Add(clock.Elapsed.TotalSeconds);
            }
        }

        return [.. seconds.Select(s => s.Order().ElementAt(Rounds / 2))];
    }

    private static void Decode(PlaneReader reader, string[] paths, byte[] planes)
    {
        int length = reader.Length;
        ParallelLoop.For(paths.Length, i => reader.Read(new(paths[i], null), planes.AsSpan(i * length, length)));
    }

    private static string WriteImage(string folder, int seed)
    {
        using var bitmap = new SKBitmap(1024, 768);
        using (var canvas = new SKCanvas(bitmap))
        using (var noise = SKShader.CreatePerlinNoiseTurbulence(0.01f, 0.02f, 4, seed))
        using (var paint = new SKPaint { Shader = noise })
        {
            canvas.DrawPaint(paint);
        }

        string path = Path.Combine(folder, $"{seed}.jpg");
        using SKData encoded = bitmap.Encode(SKEncodedImageFormat.Jpeg, 90);
        File.WriteAllBytes(path, encoded.ToArray());
        return path;
    }
}
