using System.CommandLine;
using System.Numerics.Tensors;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>What a checkpoint or model holds, and what it makes of an image and a text.</summary>
internal static class InspectCommand
{
    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = ModelFile.Help };
        Option<string?> image = CommandOption.Of<string?>("--image", "PATH", "Embed this image.");
        Option<string?> text = CommandOption.Of<string?>("--text", "TEXT", "Embed this text; with --image, tell their cosine, too.");
        Command command = new("inspect",
            "Tell what a checkpoint or model holds, and embed an image or a text with it.\n"
            + "Example: himo inspect longclip-B.pt --image cat.jpg --text \"a cat\"") { file, image, text, Context.Gpu, Json.Option };
        command.SetWork((args, _) =>
        {
            var found = ClipCheckpoint.Inspect(args.GetRequiredValue(file));
            float[]? imageEmbedding = null, textEmbedding = null;
            if (args.GetValue(image) is not null || args.GetValue(text) is not null)
            {
                using ClipEmbedder model = ModelFile.Open(found.Path, args.GetValue(Context.Gpu));
                imageEmbedding = args.GetValue(image) is { } path ? model.EmbedImage(path) : null;
                textEmbedding = args.GetValue(text) is { } words ? model.EmbedText(words) : null;
            }
            float? cosine = imageEmbedding is not null && textEmbedding is not null
                ? TensorPrimitives.CosineSimilarity(imageEmbedding, textEmbedding) : null;
            if (args.GetValue(Json.Option))
            {
                WriteJson(found, imageEmbedding, textEmbedding, cosine);
            }
            else
            {
                WriteText(found, imageEmbedding, textEmbedding, cosine);
            }
        });
        return command;
    }

    private static void WriteText(ClipCheckpoint found, float[]? image, float[]? text, float? cosine)
    {
        ClipArchitecture sizes = found.Architecture;
        int stored = found.StoredContextLength;
        Console.WriteLine($"file        {found.Path} ({found.Format})");
        Console.WriteLine($"image tower {Layers(sizes)}");
        Console.WriteLine($"text tower  {sizes.TextLayers} blocks × {sizes.TextWidth}, {sizes.TextHeads} heads");
        string source = found.ArchitectureSource is not { } file ? " (nothing says it; with the heads, the default)"
            : file == found.Path ? "" : $" (with the heads, from {file})";
        Console.WriteLine($"activation  {(sizes.Activation == ClipActivation.Gelu ? "GELU" : "QuickGELU")}{source}");
        string stretched = stored == sizes.ContextLength ? "" : $" (stretched to {sizes.ContextLength})";
        Console.WriteLine($"tokens      {stored}{stretched} of a vocabulary of {sizes.VocabularySize:n0}");
        Console.WriteLine($"embedding   {sizes.EmbeddingDimension}");
        Console.WriteLine($"parameters  {found.ParameterCount:n0}");
        Console.WriteLine($"stored as   {string.Join(", ", found.StoredTypes.Select(type => $"{type.Key} ({type.Value} tensors)"))}");
        WriteEmbedding("image", image);
        WriteEmbedding("text", text);
        if (cosine is not null)
        {
            Console.WriteLine($"cosine      {cosine:f4}");
        }
    }

    private static void WriteEmbedding(string name, float[]? embedding)
    {
        if (embedding is not null)
        {
            string first = string.Join(' ', embedding.Take(8).Select(v => v.ToString("f4"))) + (embedding.Length > 8 ? " …" : "");
            Console.WriteLine($"{name,-11} d = {embedding.Length}, norm {TensorPrimitives.Norm<float>(embedding):f4}: {first}");
        }
    }

    private static string Layers(ClipArchitecture sizes) => sizes.IsVisionTransformer
        ? $"vision transformer, {sizes.VisionLayers[0]} blocks × {sizes.VisionWidth}, {sizes.VisionHeads} heads, "
            + $"images of {sizes.ImageSize} pixels in patches of {sizes.PatchSize}"
        : $"ResNet, blocks ({string.Join(", ", sizes.VisionLayers)}) × {sizes.VisionWidth}, {sizes.VisionHeads} heads, "
            + $"images of {sizes.ImageSize} pixels";

    private static void WriteJson(ClipCheckpoint found, float[]? image, float[]? text, float? cosine) => Console.WriteLine(Json.Line(new
    {
        File = found.Path,
        found.Format,
        found.Architecture,
        found.ArchitectureSource,
        found.StoredContextLength,
        found.ParameterCount,
        Types = found.StoredTypes,
        ImageEmbedding = image,
        TextEmbedding = text,
        Cosine = cosine,
    }));
}
