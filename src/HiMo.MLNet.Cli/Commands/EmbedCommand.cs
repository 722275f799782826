using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Embeddings of images or texts, to a file.</summary>
internal static class EmbedCommand
{
    /// <summary>Enough that texts of a length share a batch.</summary>
    private const int TextsAtATime = 1024;

    private static readonly Option<string[]> s_images = new("--images")
    {
        Description = ImageList.Help,
        HelpName = "IMAGES",
        AllowMultipleArgumentsPerToken = true,
    };

    private static readonly Option<string?> s_data = CommandOption.Of<string?>("--data", "DATA", CaptionedData.Help);
    private static readonly Option<string?> s_texts = CommandOption.Of<string?>("--texts", "FILE", "A file with a text a line.");
    private static readonly Option<string?> s_shard = CommandOption.Of<string?>("--shard", "INDEX/COUNT",
        "The share of this process in a job of several: 0/16 to 15/16. auto: as the tasks of a Slurm array are numbered; auto/COUNT: as "
        + "Kubernetes numbers the pods of an Indexed Job.");
    private static readonly Option<int> s_rows = CommandOption.Of("--rows-per-file", "COUNT", "The most images of a file in a folder.",
        8192).Within(1);
    private static readonly Option<bool> s_captions = new("--captions") { Description = "Into a folder, embed captions, too." };
    private static readonly Option<string> s_output = OutputFile.WithFolder(
        "Where to: a folder of Parquet files, where a run that was interrupted goes on; .tsv (the name, then the values), .jsonl, or .idv "
        + "(for mlContext.Data.LoadFromBinary).", ".tsv", ".jsonl", ".idv");

    public static Command Create()
    {
        Command command = new("embed",
            "Write the normalised embeddings of images or of texts to a file, or those of many images to a folder.\n"
            + "Example: himo embed --model longclip-B.pt --images photos --output photos.jsonl")
        {
            ModelFile.Option, s_images, s_data, CaptionedData.ImageColumn, CaptionedData.CaptionColumn, s_texts, s_output, s_shard,
            s_rows, s_captions, Context.Gpu, Json.Option,
        };
        command.Validators.Add(result =>
        {
            if (new Option[] { s_images, s_data, s_texts }.Count(option => result.GetResult(option) is not null) != 1)
            {
                result.AddError("Expected one of --images, --data and --texts.");
            }

            bool toFolder = result.GetResult(s_output)?.Tokens.FirstOrDefault()?.Value is { } path && OutputFile.IsFolder(path);
            if (toFolder ? result.GetResult(s_texts) is not null
                : new Option[] { s_data, s_shard, s_captions, s_rows }.Any(option => result.GetResult(option) is { Implicit: false }))
            {
                result.AddError("--output: expected a folder for --data, --shard, --captions and --rows-per-file, and a file for --texts.");
            }
        });
        command.SetWork((args, cancellation) =>
            OutputFile.IsFolder(args.GetRequiredValue(s_output)) ? ToFolder(args, cancellation) : ToFile(args, cancellation));
        return command;
    }

    private static int ToFolder(ParseResult args, CancellationToken cancellation)
    {
        string folder = args.GetRequiredValue(s_output);
        int rows = args.GetValue(s_rows);
        var shard = JobShard.Parse(args.GetValue(s_shard), Environment.GetEnvironmentVariable);
        var job = new EmbeddingJob(folder, shard, rows, args.GetValue(s_captions));
        EmbeddingInput input = args.GetValue(s_data) is { } spec
            ? EmbeddingInput.Of(new MLContext(), spec, args.GetRequiredValue(CaptionedData.ImageColumn),
                args.GetRequiredValue(CaptionedData.CaptionColumn), rows)
            : EmbeddingInput.Of(ImageList.Find(args.GetValue(s_images)!), rows);
        if (args.GetValue(s_captions) && !input.HasCaptions)
        {
            throw new UsageException($"--captions: expected data with captions, found images alone{(args.GetValue(s_data) is null ? ""
                : $" (there is no column '{args.GetRequiredValue(CaptionedData.CaptionColumn)}')")}.");
        }

        using FileStream held = job.Begin();
        using ClipEmbedder model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(Context.Gpu));
        EmbeddingJob.Result result = ProgressDisplay.Show("embedding", report => job.Run(input, model, report, cancellation));
        Console.WriteLine(args.GetValue(Json.Option)
            ? Json.Line(new
            {
                Output = folder,
                Shard = $"{shard.Index}/{shard.Count}",
                result.Files,
                result.Present,
                result.Rows,
                result.Unreadable,
            })
            : $"{folder}: {result.Files} files with {result.Rows} rows"
                + (result.Present > 0 ? $", {result.Present} files were there" : ""));
        if (result.Unreadable == 0)
        {
            return 0;
        }

        ProgressDisplay.Warn($"{result.Unreadable} of {result.Rows} images could not be read; the column 'error' tells why");
        return Failure.SomeSkipped;
    }

    private static int ToFile(ParseResult args, CancellationToken cancellation)
    {
        string file = args.GetRequiredValue(s_output);
        string? textFile = args.GetValue(s_texts);
        IReadOnlyList<string> values = textFile is null ? ImageList.Find(args.GetValue(s_images)!) : File.ReadAllLines(textFile);
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
