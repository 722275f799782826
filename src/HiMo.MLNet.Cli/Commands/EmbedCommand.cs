using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Embeddings of images or texts, to a file.</summary>
internal static class EmbedCommand
{
    /// <summary>Enough that texts of a length share a batch.</summary>
    private const int TextsAtATime = 1024;

    public static Command Create()
    {
        Option<string[]> images = new("--images")
        {
            Description = ImageList.Help,
            HelpName = "IMAGES",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> texts = CommandOption.Of<string?>("--texts", "FILE", "A file with a text a line.");
        Option<string> output = OutputFile.Option(
            "Where to: .tsv (the name, then the values), .jsonl, or .idv (for mlContext.Data.LoadFromBinary).", ".tsv", ".jsonl", ".idv");
        Command command = new("embed",
            "Write the normalised embeddings of images or of texts to a file.\n"
            + "Example: himo embed --model longclip-B.pt --images photos --output photos.jsonl") { ModelFile.Option, images, texts, output,
            Context.Gpu, Json.Option };
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
            IReadOnlyList<string> values = textFile is null ? ImageList.Find(args.GetValue(images)!) : File.ReadAllLines(textFile);
            IReadOnlyDictionary<string, string>? skipped = null;
            int exitCode = 0;
            OutputFile.Write(file, stream =>
            {
                using ClipEmbedder model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(Context.Gpu));
                ProgressDisplay.Show($"embedding {values.Count}", report =>
                {
                    if (textFile is not null)
                    {
                        IEnumerable<(string, float[])> embeddings = Embed(model, values, report, cancellation);
                        Write(stream, file, "text", "Caption", "TextEmbedding", model.Dimension, embeddings);
                        return;
                    }

                    var embedded = new ScoredImages(values, model);
                    Write(stream, file, "image", "ImagePath", "ImageEmbedding", model.Dimension, embedded.Read(report, cancellation)
                        .Where(image => image.Values is not null).Select(image => (image.Image, image.Values!)));
                    exitCode = embedded.Finish();
                    skipped = embedded.Skipped;
                });
            });
            int count = values.Count(value => skipped?.ContainsKey(value) != true);
            Console.WriteLine(args.GetValue(Json.Option)
                ? Json.Line(new
                {
                    Output = file,
                    Count = count,
                    Skipped = (skipped ?? new Dictionary<string, string>()).Select(s => new { Image = s.Key, Error = s.Value })
                })
                : $"{file}: {count} embeddings");
            return exitCode;
        });
        return command;
    }

    private static IEnumerable<(string Text, float[] Embedding)> Embed(
        ClipEmbedder model, IReadOnlyList<string> texts, ProgressDisplay.Report report, CancellationToken cancellation)
    {
        int done = 0;
        foreach (string[] batch in texts.Chunk(TextsAtATime))
        {
            foreach ((string Text, float[] Embedding) embedded in batch.Zip(model.EmbedTexts(batch, cancellation)))
            {
                yield return embedded;
            }

            report(done += batch.Length, texts.Count);
        }
    }

    private static void Write(Stream stream, string file, string nameField, string nameColumn, string embeddingColumn, int dimension,
        IEnumerable<(string Name, float[] Embedding)> rows)
    {
        string extension = Path.GetExtension(file).ToLowerInvariant();
        if (extension == ".idv")
        {
            var definition = SchemaDefinition.Create(typeof(Row));
            definition[nameof(Row.Name)].ColumnName = nameColumn;
            definition[nameof(Row.Embedding)].ColumnType = new VectorDataViewType(NumberDataViewType.Single, dimension);
            definition[nameof(Row.Embedding)].ColumnName = embeddingColumn;
            DataOperationsCatalog data = new MLContext().Data;
            data.SaveAsBinary(
                data.LoadFromEnumerable(rows.Select(row => new Row { Name = row.Name, Embedding = row.Embedding }), definition), stream);
            return;
        }

        // Quoted as ML.NET's text loader reads it with allowQuoting.
        using StreamWriter writer = new(stream, leaveOpen: true) { NewLine = "\n" };
        foreach ((string name, float[] vector) in rows)
        {
            writer.WriteLine(extension == ".tsv"
                ? $"{Quoting.Field(name, "\t\"")}\t{string.Join('\t', vector)}"
                : Json.Line(new Dictionary<string, object> { [nameField] = name, ["embedding"] = vector }));
        }
    }

    private sealed class Row
    {
        public string Name { get; set; } = "";
        public float[] Embedding { get; set; } = [];
    }
}
