using System.CommandLine;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.ModelBuilder;
using Microsoft.ML;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>The console side of the samples in the shape of Model Builder: trains each on the sample drawings and uses it.</summary>
internal static class SampleCommand
{
    public static Command Create() =>
        new("sample", "Run a sample. Those in the shape that Model Builder generates are in "
            + "src/HiMo.MLNet.Samples/ModelBuilder; others say where.")
    {
        Create("zero-shot-images", "Image classification without training images.", ZeroShot),
        Create("image-search", "Image search by a sentence.", Search),
        Create("caption-matching", "How well long captions match an image.", Match),
        Create("product-tags", "Tags for products, and none for other images.", Tag),
        Create("apply-onnx-model", "An exported image tower behind ML.NET's own image transforms; src/HiMo.MLNet.Samples/"
            + "ApplyOnnxModel.cs.", ApplyOnnxModel.Run),
        SceneSampleCommand.Create(),
        SearchPartsCommand.CreateParquet(),
        SearchPartsCommand.CreatePostgres(),
    };

    private static Command Create(string name, string description, Action<string, Drawing[]> run)
    {
        Option<string?> checkpoint = CommandOption.Of<string?>("--checkpoint", "FILE",
            "A CLIP checkpoint. Default: a small model is trained on the sample drawings.");
        Option<int> epochs = CommandOption.Of("--epochs", "COUNT",
            "Passes over the drawings, without a checkpoint: about nine seconds each on two cores.", 20);
        Option<int?> drawings = CommandOption.Of<int?>("--drawings", "COUNT",
            "Try it on so many drawings. Default: all 682 that are held out of the training.");
        Option<string> output = CommandOption.Of("--output", "FOLDER", "Where the models and tables go.", "himo-sample", "-o");
        Command command = new(name, $"{description}\nExample: himo sample {name} --checkpoint longclip-B.pt --drawings 200") { checkpoint,
            epochs, drawings, output };
        command.SetWork((args, cancellation) =>
        {
            string? given = args.GetValue(checkpoint) is { } path ? Path.GetFullPath(path) : null;
            // Model Builder's code looks for its model in the working folder.
            Environment.CurrentDirectory = Directory.CreateDirectory(args.GetRequiredValue(output)).FullName;
            string file = given ?? SampleModel.Train("sample-model.safetensors", args.GetValue(epochs), cancellation);
            string folder = SampleData.Unpack();
            var mlContext = new MLContext();
            Drawing[] heldOut = [.. mlContext.Data.CreateEnumerable<Drawing>(SampleData.Load(mlContext, folder).Test,
                reuseRowObject: false)];
            foreach (Drawing drawing in heldOut)
            {
                drawing.ImagePath = Path.Combine(folder, drawing.ImagePath);
            }

            run(file, args.GetValue(drawings) is { } count && count < heldOut.Length ? [.. Spread(heldOut, count)] : heldOut);
        });
        return command;
    }

    // The captions of the drawings start with a capital; labels stand within a sentence.
    private static string Label(this Drawing drawing) => char.ToLowerInvariant(drawing.Kind()[0]) + drawing.Kind()[1..];

    private static void ZeroShot(string checkpoint, Drawing[] drawings)
    {
        ZeroShotImages.Train("ZeroShotImages.mlnet", checkpoint);

        string[] labels = [.. ZeroShotImages.PredictAllLabels(new() { ImagePath = drawings[0].ImagePath }).Select(label => label.Key)];
        Drawing[] known = [.. drawings.Where(drawing => labels.Contains(drawing.Label()))];
        foreach (Drawing drawing in Spread(known, 4))
        {
            IEnumerable<KeyValuePair<string, float>> best =
                ZeroShotImages.PredictAllLabels(new() { ImagePath = drawing.ImagePath }).Take(3);
            Console.WriteLine($"{drawing.Name}: {string.Join(", ", best.Select(label => $"{label.Key} {label.Value:p0}"))}");
        }

        int right = known.Count(drawing =>
            ZeroShotImages.Predict(new() { ImagePath = drawing.ImagePath }).PredictedLabel == drawing.Label());
        Console.WriteLine($"{right} of {known.Length} drawings right, with {labels.Length} labels.");
    }

    private static void Search(string checkpoint, Drawing[] drawings)
    {
        string folder = Path.GetFullPath("drawings-to-search");
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }

        Directory.CreateDirectory(folder);
        foreach (Drawing drawing in drawings)
        {
            File.Copy(drawing.ImagePath, Path.Combine(folder, $"{drawing.Name.Replace('/', ' ')}.png"), overwrite: true);
        }

        ImageSearch.Train("ImageSearch.mlnet", folder, checkpoint);

        foreach (string sentence in (string[])["A food that is a fruit. It shows a red apple.",
            "An animal of the sea. It shows a tropical fish.", "Transport on land. It shows a bus."])
        {
            Console.WriteLine(sentence);
            foreach ((string image, float score) in ImageSearch.PredictAllLabels(new() { Caption = sentence }))
            {
                Console.WriteLine($"  {score:f3} {Path.GetFileNameWithoutExtension(image)}");
            }
        }
    }

    private static void Match(string checkpoint, Drawing[] drawings)
    {
        const string table = "caption-matching.tsv";
        var mlContext = new MLContext();
        string folder = SampleData.Unpack();
        IDataView train = SampleData.Load(mlContext, folder, most: 256).Train;
        File.WriteAllLines(table, ["ImagePath\tCaption", .. mlContext.Data.CreateEnumerable<Drawing>(train, reuseRowObject: true)
            .Select(drawing => $"{Path.Combine(folder, drawing.ImagePath)}\t{drawing.Caption}")]);
        CaptionMatching.Train("CaptionMatching.mlnet", table, checkpoint);

        Drawing[] some = [.. Spread(drawings, 3)];
        foreach ((Drawing drawing, Drawing other) in some.Zip(some[1..].Append(some[0])))
        {
            Console.WriteLine($"{drawing.Name}:");
            // The first sentence, the first two, all of them, and those of another drawing.
            int second = drawing.Caption.IndexOf(". ", drawing.Kind().Length + 1, StringComparison.Ordinal) + 1;
            foreach ((string caption, float similarity) in CaptionMatching.PredictAllLabels(
                drawing.ImagePath, [drawing.Kind() + ".", drawing.Caption[..second], drawing.Caption, other.Caption]))
            {
                Console.WriteLine($"  {similarity:f3} {caption}");
            }
        }
    }

    private static void Tag(string checkpoint, Drawing[] drawings)
    {
        // Half of the drawings to measure the threshold on, the others to use it.
        const string table = "product-tags.tsv";
        File.WriteAllLines(table, ["ImagePath\tLabel",
            .. drawings.Where((_, i) => i % 2 == 0).Select(drawing => $"{drawing.ImagePath}\t{drawing.Label()}")]);
        ProductTags.Train("ProductTags.mlnet", table, checkpoint);

        Drawing[] others = [.. drawings.Where((_, i) => i % 2 == 1)];
        string[] tags = [.. ProductTags.PredictAllLabels(new() { ImagePath = others[0].ImagePath }).Select(tag => tag.Key)];
        string Predict(Drawing drawing) => ProductTags.Predict(new() { ImagePath = drawing.ImagePath }).PredictedLabel;
        foreach (Drawing drawing in Spread([.. others.Where(drawing => tags.Contains(drawing.Label()))], 4).Concat(Spread(others, 4)))
        {
            Console.WriteLine($"{drawing.Name}: {(Predict(drawing) is { Length: > 0 } tag ? tag : "none of these")}");
        }

        ILookup<bool, Drawing> groups = others.ToLookup(drawing => tags.Contains(drawing.Label()));
        Console.WriteLine(
            $"{groups[true].Count(drawing => Predict(drawing) == drawing.Label())} of {groups[true].Count()} products have their tag; "
            + $"{groups[false].Count(drawing => Predict(drawing).Length == 0)} of {groups[false].Count()} others have none.");
    }

    private static IEnumerable<Drawing> Spread(Drawing[] drawings, int count) =>
        Enumerable.Range(0, count).Select(i => drawings[(2 * i + 1) * drawings.Length / (2 * count)]);
}
