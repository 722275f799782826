#!/usr/bin/env dotnet
// Trains a small model from scratch on images that it draws itself, in seconds, and saves it for the other programs.
//
//   dotnet run docs/programs/train.cs
//
// writes a folder 'colours' with sixteen images and 'colours.zip', and prints
//
//   16 images of two colours, trained for 100 epochs
//   recall@1, caption to image: 100 %
#:project ../../src/HiMo.MLNet.Evaluation
#:property UsesTorchSharpNatively=true
#:property PublishAot=false

using HiMo.MLNet;
using Microsoft.ML;
using SkiaSharp;

(string Name, SKColor Colour)[] colours = [("red", SKColors.Red), ("green", SKColors.Green), ("blue", SKColors.Blue), ("yellow", SKColors.Yellow)];
Directory.CreateDirectory("colours");
List<Image> images = [];
foreach ((string top, SKColor above) in colours)
{
    foreach ((string bottom, SKColor below) in colours)
    {
        using var bitmap = new SKBitmap(64, 64);
        using var canvas = new SKCanvas(bitmap);
        canvas.Clear(above);
        canvas.DrawRect(0, 32, 64, 32, new SKPaint { Color = below });
        string path = Path.Combine("colours", $"{top}-{bottom}.png");
        using FileStream file = File.Create(path);
        bitmap.Encode(file, SKEncodedImageFormat.Png, 100);
        images.Add(new() { ImagePath = path, Caption = $"Two colours. The top is {top}. The bottom is {bottom}." });
    }
}

var mlContext = new MLContext(seed: 1);
IDataView data = mlContext.Data.LoadFromEnumerable(images);
var options = new HiMoClipOptions
{
    Architecture = new(EmbeddingDimension: 32, ImageSize: 32, VisionLayers: [1], VisionWidth: 64, PatchSize: 8, TextWidth: 64, TextLayers: 1),
    Epochs = 100,
    BatchSize = 8,
    LearningRate = 1e-3,
};
using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(data);
mlContext.Model.Save(model, data.Schema, "colours.zip");

Console.WriteLine($"{images.Count} images of two colours, trained for {options.Epochs} epochs");
RetrievalMetrics retrieval = mlContext.Ranking.EvaluateRetrieval(model.Transform(data), "ImagePath");
Console.WriteLine($"recall@1, caption to image: {retrieval.TextToImageRecallAt1:f0} %");

internal sealed class Image
{
    public string ImagePath { get; set; } = "";
    public string Caption { get; set; } = "";
}
