#!/usr/bin/env dotnet
// Which of some labels do images show? Labels are words: nothing is trained.
//
//   dotnet run docs/programs/classify.cs -- colours.zip "Two colours. The bottom is {0}." red,green,blue,yellow colours
//
// with the model and the images of train.cs, or any checkpoint and images of yours, prints a line an image:
//
//   colours/blue-blue.png: blue
//   colours/blue-green.png: green
//   colours/blue-red.png: red
//   …
#:project ../../src/HiMo.MLNet
#:property UsesTorchSharpNatively=true
#:property PublishAot=false

using HiMo.MLNet;

if (args is not [string model, string template, string labels, string folder])
{
    Console.Error.WriteLine("usage: dotnet run classify.cs -- MODEL TEMPLATE LABELS FOLDER");
    return 2;
}

using var clip = ClipEmbedder.Load(model);
ClipClassifier classifier = clip.CreateClassifier(labels.Split(','), [template]);
IEnumerable<ClipImage> images = Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal).Select(ClipImage.FromFile);
foreach (ClipEmbeddedImage image in clip.EmbedEach(images))
{
    Console.WriteLine(image.Error is { } error ? error.Message : $"{image.Image.Name}: {classifier.Classify(image.Embedding!).Label}");
}

return 0;
