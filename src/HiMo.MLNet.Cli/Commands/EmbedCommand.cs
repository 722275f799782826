using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Embeddings of pictures or texts, to a file.</summary>
internal static class EmbedCommand
{
    public static Command Create()
    {
        Option<string[]> images = new("--images") { Description = PictureList.Help, HelpName = "PICTURES", AllowMultipleArgumentsPerToken = true };
        Option<string?> texts = new("--texts") { Description = "A file with a text a line.", HelpName = "FILE" };
        Option<string> output = OutputFile.Option(
            "Where to: .tsv (the name, then the values), .jsonl, or .idv (for mlContext.Data.LoadFromBinary).", ".tsv", ".jsonl", ".idv");
        Option<bool> json = Json.Option();
        Command command = new("embed",
            "Write the normalised embeddings of pictures or of texts to a file.\n"
            + "Example: himo embed --model longclip-B.pt --images photos --output photos.jsonl") { ModelFile.Option, images, texts, output, ModelFile.Gpu, json };
        command.Validators.Add(result =>
        {
            if (result.GetResult(images) is null == result.GetResult(texts) is null)
            {
                result.AddError("Expected either --images or --texts.");
            }
        });
        command.SetWork((args, cancellation) =>
        {
            string file = args.GetRequiredValue(output);
            string? textFile = args.GetValue(texts);
            IReadOnlyList<string> values = textFile is null ? PictureList.Find(args.GetValue(images)!) : File.ReadAllLines(textFile);
            OutputFile.Write(file, stream =>
            {
                using var model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(ModelFile.Gpu));
                ProgressDisplay.Show($"embedding {values.Count}", report =>
                    Write(model, textFile is not null, values, values.Counted(report, cancellation), stream, Path.GetExtension(file).ToLowerInvariant()));
            });
            Console.WriteLine(args.GetValue(json) ? Json.Line(new { Output = file, values.Count }) : $"{file}: {values.Count} embeddings");
        });
        return command;
    }

    private static void Write(ModelFile model, bool texts, IReadOnlyList<string> names, IEnumerable<string> values, FileStream stream, string extension)
    {
        IDataView embedded = texts ? model.TransformTexts(values) : model.TransformImages(values);
        string embedding = texts ? model.Transformer.TextEmbeddingColumnName : model.Transformer.ImageEmbeddingColumnName;
        if (extension == ".idv")
        {
            model.MLContext.Data.SaveAsBinary(embedded, stream);
            return;
        }
        using StreamWriter writer = new(stream, leaveOpen: true) { NewLine = "\n" };
        foreach ((string name, float[] vector) in names.Zip(embedded.GetColumn<float[]>(embedding)))
        {
            writer.WriteLine(
                extension == ".tsv" ? $"{Field(name)}\t{string.Join('\t', vector)}"
                : texts ? Json.Line(new { Text = name, Embedding = vector })
                : Json.Line(new { Image = name, Embedding = vector }));
        }
    }

    // Quoted as ML.NET's text loader reads it with allowQuoting.
    private static string Field(string text) => text.AsSpan().ContainsAny('\t', '"') ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
