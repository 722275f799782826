using System.Globalization;
using System.Numerics.Tensors;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Onnx;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>How far the exported graphs of narrow weights are from those of single precision, in ONNX Runtime.</summary>
internal static class PrecisionBenchmark
{
    private const int Count = 32;

    /// <param name="checkpoint">A model; null for ViT-B/16 with random weights.</param>
    public static void Run(string? checkpoint)
    {
        string folder = Directory.CreateTempSubdirectory("himo-precision").FullName;
        try
        {
            using ClipModel model = checkpoint is null ? Random() : ClipWeights.Load(checkpoint);
            (float[][] Images, float[][] Texts) single = Embed(model, folder, OnnxPrecision.Float32);
            foreach (OnnxPrecision precision in (OnnxPrecision[])[OnnxPrecision.Float16, OnnxPrecision.Int8])
            {
                (float[][] images, float[][] texts) = Embed(model, folder, precision);
                double change = single.Images
                    .SelectMany((a, i) => single.Texts.Select((b, j) => Math.Abs(Cosine(a, b) - Cosine(images[i], texts[j])))).Max();
                Tell($"{precision} images", single.Images.Zip(images, Cosine), Size(folder, OnnxExport.VisionFile(precision)));
                Tell($"{precision} texts", single.Texts.Zip(texts, Cosine), Size(folder, OnnxExport.TextFile(precision)));
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture, $"{precision,-8} cosine of an image and a text changes by {change:g2} at most"));
            }

            double vision = Size(folder, OnnxExport.VisionFile(OnnxPrecision.Float32));
            double text = Size(folder, OnnxExport.TextFile(OnnxPrecision.Float32));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"Float32 takes {vision:f1} MB (images) and {text:f1} MB (texts)"));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static ClipModel Random()
    {
        var model = new ClipModel(ClipArchitecture.ViTB16);
        using var generator = new Generator(1);
        model.Initialize(generator);
        return model;
    }

    private static (float[][] Images, float[][] Texts) Embed(ClipModel model, string folder, OnnxPrecision precision)
    {
        OnnxExport.Save(model, folder, precision);
        using var vision = new InferenceSession(Path.Combine(folder, OnnxExport.VisionFile(precision)));
        using var text = new InferenceSession(Path.Combine(folder, OnnxExport.TextFile(precision)));
        int size = model.Architecture.ImageSize;
        return ([.. Enumerable.Range(0, Count).Select(i => Run(vision, "pixel_values", Image(i, size), [1, 3, size, size]))],
            [.. Enumerable.Range(0, Count).Select(i => Tokens(i, model.Architecture.VocabularySize, model.Architecture.ContextLength))
                .Select(ids => Run(text, "input_ids", ids, [1, ids.Length]))]);
    }

    // Waves of all lengths and some noise, within the values that normalised pixels have.
    private static float[] Image(int seed, int size)
    {
        var random = new Random(seed);
        float[] pixels = new float[3 * size * size];
        for (int channel = 0; channel < 3; channel++)
        {
            double x = random.NextDouble() * 40 / size, y = random.NextDouble() * 40 / size, phase = random.NextDouble() * 6;
            for (int i = 0; i < size * size; i++)
            {
                double wave = Math.Sin((x * (i % size)) + (y * (i / size)) + phase), noise = (random.NextDouble() / 2) - 0.25;
                pixels[(channel * size * size) + i] = (float)((1.5 * wave) + noise);
            }
        }

        return pixels;
    }

    private static long[] Tokens(int seed, int vocabulary, int context)
    {
        var random = new Random(seed);
        IEnumerable<long> words = Enumerable.Range(0, random.Next(3, context - 2)).Select(_ => random.NextInt64(vocabulary - 2));
        return [vocabulary - 2, .. words, vocabulary - 1];
    }

    private static float[] Run<T>(InferenceSession session, string input, T[] values, long[] shape)
        where T : unmanaged
    {
        using var options = new RunOptions();
        using var value = OrtValue.CreateTensorValueFromMemory(values, shape);
        using IDisposableReadOnlyCollection<OrtValue> results = session.Run(options, [input], [value], session.OutputNames);
        return results[0].GetTensorDataAsSpan<float>().ToArray();
    }

    private static double Cosine(float[] a, float[] b) => TensorPrimitives.CosineSimilarity<float>(a, b);

    private static double Size(string folder, string file) => new FileInfo(Path.Combine(folder, file)).Length / 1e6;

    private static void Tell(string what, IEnumerable<double> cosines, double megabytes) => Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{what,-16} cosine to Float32: mean {cosines.Average():f6}, least {cosines.Min():f6}; {megabytes:f1} MB"));
}
