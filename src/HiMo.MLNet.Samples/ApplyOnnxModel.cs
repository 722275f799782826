using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Samples;

/// <summary>
/// An exported image tower in a pipeline of ML.NET's own transforms: no transformer of this library, and no torch where it scores.
/// They resize with another filter, so the embeddings of images of another size are near those of this library and not the same.
/// </summary>
internal static class ApplyOnnxModel
{
    private sealed class Input
    {
        public string ImagePath { get; set; } = "";
    }

    /// <summary>What the three colours of a pixel are normalised with: a pixel is (value - mean) / deviation on the scale 0..1.</summary>
    private static readonly (string Name, ImagePixelExtractingEstimator.ColorBits Bits, float Mean, float Deviation)[] s_colours =
    [
        ("Red", ImagePixelExtractingEstimator.ColorBits.Red, 0.48145466f, 0.26862954f),
        ("Green", ImagePixelExtractingEstimator.ColorBits.Green, 0.4578275f, 0.26130258f),
        ("Blue", ImagePixelExtractingEstimator.ColorBits.Blue, 0.40821073f, 0.27577711f),
    ];

    /// <param name="mlContext">The context.</param>
    /// <param name="graph">The exported image tower.</param>
    /// <param name="architecture">Its sizes.</param>
    public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, string graph, ClipArchitecture architecture)
    {
        int size = architecture.ImageSize;
        IEstimator<ITransformer> pipeline = mlContext.Transforms.LoadImages("Image", imageFolder: null, "ImagePath")
            .Append(mlContext.Transforms.ResizeImages("Image", size, size, resizing: ImageResizingEstimator.ResizingKind.IsoCrop));
        // One offset and scale a column: a column for each colour.
        foreach ((string name, ImagePixelExtractingEstimator.ColorBits bits, float mean, float deviation) in s_colours)
        {
            pipeline = pipeline.Append(mlContext.Transforms.ExtractPixels(
                name, "Image", bits, offsetImage: 255 * mean, scaleImage: 1 / (255 * deviation)));
        }

        return pipeline
            .Append(mlContext.Transforms.Concatenate("pixel_values", [.. s_colours.Select(colour => colour.Name)]))
            .Append(mlContext.Transforms.ApplyOnnxModel(["image_embeds"], ["pixel_values"], graph, new Dictionary<string, int[]>
            {
                ["pixel_values"] = [1, 3, size, size],
                ["image_embeds"] = [1, architecture.EmbeddingDimension],
            }, gpuDeviceId: null, fallbackToCpu: true))
            .Append(mlContext.Transforms.NormalizeLpNorm("ImageEmbedding", "image_embeds"));
    }

    /// <summary>Exports a model's image tower, scores it both ways, and prints how near the embeddings are.</summary>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    /// <param name="drawings">What to embed.</param>
    public static void Run(string checkpoint, Drawing[] drawings)
    {
        const string file = "ApplyOnnxModel.mlnet";
        using var model = ClipEmbedder.Load(checkpoint);
        model.SaveOnnx("exported");
        var mlContext = new MLContext();
        Input[] images = [.. drawings.Select(drawing => new Input { ImagePath = drawing.ImagePath })];
        IDataView data = mlContext.Data.LoadFromEnumerable(images);
        string graph = Path.Combine("exported", "onnx", "vision_model.onnx");
        mlContext.Model.Save(BuildPipeline(mlContext, graph, model.Architecture).Fit(data), data.Schema, file);

        ITransformer loaded = mlContext.Model.Load(file, out _);
        Console.WriteLine($"{images.Length} drawings, ApplyOnnxModel behind ML.NET's image transforms against this library:");
        Compare("as they are", images);
        Compare("as 100 x 80 pixels", [.. Resized(mlContext, data, Directory.CreateDirectory("resized").FullName)]);

        void Compare(string how, Input[] inputs)
        {
            float[][] theirs = [.. loaded.Transform(mlContext.Data.LoadFromEnumerable(inputs)).GetColumn<float[]>("ImageEmbedding")];
            float[][] ours = model.EmbedImages([.. inputs.Select(input => ClipImage.FromFile(input.ImagePath))]);
            float[] cosines = [.. theirs.Zip(ours, (a, b) => ClipEmbedder.Similarity(a, b))];
            Console.WriteLine($"  {how}: cosine {cosines.Average():f4} on average, {cosines.Min():f4} at the least");
        }
    }

    private static IEnumerable<Input> Resized(MLContext mlContext, IDataView data, string folder)
    {
        IEstimator<ITransformer> pipeline = mlContext.Transforms.LoadImages("Image", imageFolder: null, "ImagePath")
            .Append(mlContext.Transforms.ResizeImages("Image", 100, 80, resizing: ImageResizingEstimator.ResizingKind.Fill));
        int count = 0;
        foreach (MLImage image in pipeline.Fit(data).Transform(data).GetColumn<MLImage>("Image"))
        {
            string path = Path.Combine(folder, $"{count++}.png");
            image.Save(path);
            yield return new() { ImagePath = path };
        }
    }
}
