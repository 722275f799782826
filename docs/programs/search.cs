#!/usr/bin/env dotnet
// Which images of a folder match a description? Every image is embedded once, each line of the input is a search.
//
//   echo "The top is red. The bottom is blue." | dotnet run docs/programs/search.cs -- colours.zip colours
//
// with the model and the images of train.cs, or any checkpoint and images of yours, prints the three best:
//
//   0.627  colours/red-blue.png
//   0.624  colours/blue-red.png
//   0.506  colours/blue-blue.png
#:project ../../src/HiMo.MLNet
#:property UsesTorchSharpNatively=true
#:property PublishAot=false

using HiMo.MLNet;

if (args is not [string model, string folder])
{
    Console.Error.WriteLine("usage: dotnet run search.cs -- MODEL FOLDER");
    return 2;
}

using var clip = ClipEmbedder.Load(model);
ClipEmbeddedImage[] embedded = [.. clip.EmbedEach(Directory.EnumerateFiles(folder).Select(ClipImage.FromFile)).Where(image => image.Error is null)];
while (Console.ReadLine() is { } description)
{
    float[] text = clip.EmbedText(description);
    foreach ((ClipEmbeddedImage image, float cosine) in embedded
        .Select(image => (image, ClipEmbedder.Similarity(image.Embedding, text))).OrderByDescending(found => found.Item2).Take(3))
    {
        Console.WriteLine($"{cosine:f3}  {image.Image.Name}");
    }
}

return 0;
