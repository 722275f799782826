using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using Microsoft.ML;
using Microsoft.ML.Data;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Samples;

public sealed class CommandLineTests(CommandLineTests.Files files) : IClassFixture<CommandLineTests.Files>
{
    /// <summary>Sixteen images, a table of them, a tiny checkpoint with CLIP's vocabulary, and a model zip without a model.</summary>
    public sealed class Files : IDisposable
    {
        private readonly ToyImages _images = new();

        public Files()
        {
            Checkpoint = Save(ToyImages.Tiny, "tiny.safetensors");
            Damaged = At("damaged.zip");
            using (ZipArchive zip = ZipFile.Open(Damaged, ZipArchiveMode.Create))
            {
                zip.CreateEntryFromFile(Checkpoint, "TransformerChain/Weights.safetensors");
                zip.CreateEntry("TransformerChain/Model.key");
            }
            Images = [.. _images.Rows.Select(row => row.ImagePath).Order(StringComparer.Ordinal)];
            Table = At("images.tsv");
            File.WriteAllLines(Table, ["Name\tImagePath\tCaption", .. _images.Rows.Select(row => $"x\t{Path.GetFileName(row.ImagePath)}\t\"{row.Caption}\"")]);
        }

        public string Folder => _images.Folder;

        public string Checkpoint { get; }

        public string Damaged { get; }

        public IReadOnlyList<string> Images { get; }

        public string Table { get; }

        public string At(string name) => Path.Combine(Folder, name);

        public string Save(ClipArchitecture architecture, string name)
        {
            using var generator = new Generator(11);
            using var model = new ClipModel(architecture);
            model.Initialize(generator);
            using FileStream file = File.Create(At(name));
            ClipWeights.Save(model, file);
            return file.Name;
        }

        public void Dispose() => _images.Dispose();
    }

    private static float[] Floats(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetSingle())];

    private static float Dot(float[] a, float[] b) => a.Zip(b, (x, y) => x * y).Sum();

    [Fact]
    public void Help_shows_an_example_of_every_command()
    {
        ProgramResult help = HimoProgram.Run("--help");

        Assert.Equal((0, ""), (help.ExitCode, help.Errors));
        foreach (string command in (string[])["download", "inspect", "embed", "classify", "search", "index", "train", "eval", "export", "completion"])
        {
            Assert.Contains($"Example: himo {command} ", help.Output, StringComparison.Ordinal);
        }

    }

    [Fact]
    public void Inspect_tells_what_a_checkpoint_holds()
    {
        ProgramResult found = HimoProgram.Run("inspect", GoldenFile.PathOf("tiny-vit.pt"));

        Assert.Equal((0, ""), (found.ExitCode, found.Errors));
        int parameters = GoldenFile.Read("tiny-vit.safetensors").Values.Sum(tensor => tensor.Values.Length);
        foreach (string expected in (string[])["(PyTorch)", "vision transformer, 2 blocks × 128, 2 heads", "patches of 16",
            "activation  QuickGELU (nothing says it", "248 of a vocabulary of 300", "Float32 (63 tensors)",
            parameters.ToString("n0", CultureInfo.InvariantCulture)])
        {
            Assert.Contains(expected, found.Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Inspect_embeds_a_image_whatever_the_vocabulary_and_a_text_only_with_CLIPs()
    {
        string checkpoint = GoldenFile.PathOf("tiny-rn.safetensors"), image = GoldenFile.PathOf("images/coffee.png");

        ProgramResult embedded = HimoProgram.Run("inspect", checkpoint, "--image", image), text = HimoProgram.Run("inspect", checkpoint, "--text", "a cup");

        Assert.Equal(0, embedded.ExitCode);
        Assert.StartsWith("himo: warning: ", embedded.Errors, StringComparison.Ordinal);   // nothing says the activation
        Assert.Matches(@"(?m)^image       d = 48, norm 1\.0000:( -?0\.[0-9]{4}){8} …", embedded.Output);
        Assert.Equal((1, ""), (text.ExitCode, text.Output));
        foreach (string expected in (string[])[checkpoint, "49408", "300"])
        {
            Assert.Contains(expected, text.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Inspect_compares_a_image_with_a_text()
    {
        JsonElement found = HimoProgram.Run("inspect", files.Checkpoint, "--image", files.Images[0], "--text", "Two colours.", "--json").Json;

        float[] image = Floats(found.GetProperty("imageEmbedding")), text = Floats(found.GetProperty("textEmbedding"));
        Assert.Equal(("safetensors", 32, 32), (found.GetProperty("format").GetString(), image.Length, text.Length));
        Assert.Equal(1, Dot(text, text), 4);
        Assert.Equal(Dot(image, text), found.GetProperty("cosine").GetSingle(), 5);
    }

    [Fact]
    public void Inspect_tells_that_77_tokens_are_stretched()
    {
        string checkpoint = files.At("short.safetensors");
        using (ClipModel model = ClipWeights.Load(files.Save(ToyImages.Tiny with { ContextLength = 77 }, "ours.safetensors")))
        using (FileStream file = File.Create(checkpoint))
        {
            // As CLIP was published: with one table of positions.
            Safetensors.Write(file, [.. ClipWeights.Tensors(model).Where(t => t.Key != "positional_embedding_res").Select(t => (t.Key, t.Value.detach()))]);
        }

        Assert.Contains("77 (stretched to 248) of a vocabulary of 49,408", HimoProgram.Run("inspect", checkpoint).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Embeddings_are_the_same_in_every_format()
    {
        string[] embed = ["embed", "--model", files.Checkpoint, "--images", files.Folder, "--output"];
        string table = files.At("e.tsv"), binary = files.At("e.idv");

        Assert.Equal(16, HimoProgram.Run([.. embed, table, "--json"]).Json.GetProperty("count").GetInt32());
        Assert.Equal(0, HimoProgram.Run([.. embed, binary]).ExitCode);

        var mlContext = new MLContext();
        IDataView fromTable = mlContext.Data.LoadFromTextFile(table, [new("Name", DataKind.String, 0), new("Embedding", DataKind.Single, 1, 32)]);
        float[][] embeddings = [.. fromTable.GetColumn<float[]>("Embedding")];
        Assert.Equal(files.Images, fromTable.GetColumn<string>("Name"));
        Assert.All(embeddings, embedding => Assert.Equal(1, Dot(embedding, embedding), 4));
        Assert.Equal(embeddings, mlContext.Data.LoadFromBinary(binary).GetColumn<float[]>("ImageEmbedding"));
    }

    [Fact]
    public void Texts_are_embedded_line_by_line()
    {
        string texts = files.At("texts.txt"), output = files.At("texts.jsonl");
        File.WriteAllLines(texts, ["Two colours.", "", "\"Quoted\"\tand a tab"]);

        ProgramResult result = HimoProgram.Run("embed", "--model", files.Checkpoint, "--texts", texts, "--output", output);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        JsonElement[] lines = [.. File.ReadLines(output).Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(File.ReadLines(texts), lines.Select(line => line.GetProperty("text").GetString()));
        Assert.All(lines, line => Assert.Equal(32, line.GetProperty("embedding").GetArrayLength()));
    }

    [Fact]
    public void Classify_tells_the_best_labels()
    {
        string labels = files.At("labels.txt");
        File.WriteAllLines(labels, ["red", "green", "", "a, b"]);

        JsonElement answers = HimoProgram.Run(
            "classify", "--model", files.Checkpoint, "--labels", labels, "--template", "The top is {0}.", "--template", "{0}", "--json", files.Folder).Json;

        Assert.Equal(files.Images, answers.EnumerateArray().Select(answer => answer.GetProperty("image").GetString()));
        foreach (JsonElement answer in answers.EnumerateArray())
        {
            (string Label, float Probability)[] guesses = [.. answer.GetProperty("labels").EnumerateArray()
                .Select(guess => (guess.GetProperty("label").GetString()!, guess.GetProperty("probability").GetSingle()))];
            Assert.Equal(["a, b", "green", "red"], guesses.Select(guess => guess.Label).Order(StringComparer.Ordinal));
            Assert.Equal(guesses.OrderByDescending(guess => guess.Probability), guesses);
            Assert.Equal(1, guesses.Sum(guess => guess.Probability), 4);
        }
    }

    [Fact]
    public void Classify_takes_a_pipeline_with_labels_and_columns_of_its_own()
    {
        var mlContext = new MLContext();
        IDataView images = mlContext.Data.LoadFromEnumerable([new { Photo = files.Images[3] }]);
        EstimatorChain<HiMoClipTransformer> pipeline = mlContext.Transforms.CopyColumns("Copy", "Photo").Append(mlContext.Transforms.HiMoClip(
            files.Checkpoint, imageColumnName: "Copy", labels: ["red", "green"], scoreColumnName: "Probability"));
        ITransformer model = pipeline.Fit(images);
        string zip = files.At("pipeline.zip");
        mlContext.Model.Save(model, images.Schema, zip);

        ProgramResult told = HimoProgram.Run("classify", "--model", zip, "--top", "1", files.Images[3]);

        float[] expected = model.Transform(images).GetColumn<float[]>("Probability").Single();
        string best = FormattableString.Invariant($"{(expected[0] > expected[1] ? "red" : "green")} {100 * expected.Max():f1} %");
        Assert.Equal((0, $"{files.Images[3]}: {best}"), (told.ExitCode, told.Output.Trim()));
    }

    [Fact]
    public void Search_ranks_images_by_their_cosine()
    {
        JsonElement found = HimoProgram.Run("search", "--model", files.Checkpoint, "--images", files.Folder, "the top is red", "--top", "3", "--json").Json;

        var mlContext = new MLContext();
        IDataView rows = mlContext.Data.LoadFromEnumerable(files.Images.Select(path => new { ImagePath = path, Caption = "the top is red" }).ToArray());
        using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(files.Checkpoint).Fit(rows);
        IDataView embedded = model.Transform(rows);
        (string? Image, float Cosine)[] expected = [.. files.Images
            .Zip(embedded.GetColumn<float[]>("ImageEmbedding").Zip(embedded.GetColumn<float[]>("TextEmbedding"), Dot)).OrderByDescending(match => match.Second).Take(3)];
        Assert.Equal(expected.Select(match => match.Image), found.EnumerateArray().Select(match => match.GetProperty("image").GetString()));
        Assert.All(expected.Zip(found.EnumerateArray()), pair => Assert.Equal(pair.First.Cosine, pair.Second.GetProperty("cosine").GetSingle(), 5));
    }

    [Fact]
    public void Train_fine_tunes_on_a_table_and_writes_a_model_that_every_command_takes()
    {
        string zip = files.At("model.zip");

        JsonElement trained = HimoProgram.Run("train", "--data", files.Table, "--checkpoint", files.Checkpoint, "--epochs", "2", "--batch-size", "8",
            "--micro-batch-size", "4", "--learning-rate", "1e-3", "--seed", "1", "--output", zip, "--json").Json;
        JsonElement found = HimoProgram.Run("inspect", zip, "--image", files.Images[0], "--json").Json;

        Assert.Equal(4, trained.GetProperty("steps").GetInt32());
        Assert.Equal("ML.NET model", found.GetProperty("format").GetString());
        var mlContext = new MLContext();
        IDataView image = mlContext.Data.LoadFromEnumerable([new { ImagePath = files.Images[0] }]);
        Assert.Equal(mlContext.Model.Load(zip, out _).Transform(image).GetColumn<float[]>("ImageEmbedding").Single(), Floats(found.GetProperty("imageEmbedding")), new Closeness(1e-5));
    }

    private sealed class Closeness(double tolerance) : IEqualityComparer<float>
    {
        public bool Equals(float a, float b) => Math.Abs(a - b) <= tolerance;

        public int GetHashCode(float value) => 0;
    }

    [Fact]
    public void Cancelling_a_training_leaves_nothing_behind()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // there are no signals to send
        }

        string zip = files.At("cancelled.zip");
        using Process training = HimoProgram.Start(
            "train", "--data", files.Table, "--checkpoint", files.Checkpoint, "--epochs", "1000000", "--batch-size", "8", "--output", zip);
        while (!File.Exists(zip + ".in-use") && !training.HasExited)
        {
            Thread.Sleep(20);
        }

        Process.Start("kill", ["-TERM", training.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();

        var result = ProgramResult.Of(training);
        Assert.Equal((130, "", "himo: cancelled"), (result.ExitCode, result.Output, result.Errors.Trim()));
        Assert.Empty(Directory.EnumerateFiles(files.Folder, "cancelled.*"));
    }

    [Fact]
    public void Quickstart_trains_measures_and_classifies_in_another_process()
    {
        string folder = files.At("demo");

        ProgramResult result = SamplesProgram.Run("quickstart", "--epochs", "1", "--drawings", "16", "--output", folder);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        foreach (string expected in (string[])["recall@1, image to caption", "HiMo@3", "emoji-model.zip", "predicted", "emoji-report.html"])
        {
            Assert.Contains(expected, result.Output, StringComparison.Ordinal);
        }

        Assert.Equal(["emoji-model.zip", "emoji-report.html"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("inspect|no-such.pt", "no-such.pt")]
    [InlineData("inspect|TABLE", "images.tsv: start of the file: expected a PyTorch state dict")]
    [InlineData("inspect|DAMAGED|--image|IMAGE", "damaged.zip: ")]
    [InlineData("search|--model|CHECKPOINT|--images|no-such-folder|cat", "'no-such-folder': expected a folder")]
    [InlineData("classify|--model|CHECKPOINT|--labels|no-such.txt|TABLE", "no-such.txt")]
    [InlineData("train|--data|TABLE|--caption-column|Text|--output|x.zip", "'Text' is missing: expected a column of text; the data has 'Name', 'ImagePath', 'Caption'")]
    [InlineData("train|--data|urban1k:TABLE|--output|x.zip", "looked for urban1k")]
    [InlineData("train|--data|TABLE|--output|no-such-folder/x.zip", "no-such-folder")]
    public void A_failure_is_one_line_and_exit_code_1(string arguments, string expected)
    {
        ProgramResult result = HimoProgram.Run(Arguments(arguments));

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains(expected, Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "inspect <FILE>")]
    [InlineData("trian", "train")]
    [InlineData("inspect", "'himo inspect --help' tells more")]
    [InlineData("embed|--model|CHECKPOINT|--images|TABLE|--output|x|--rows-per-file|0", "--rows-per-file: expected at least 1, found 0")]
    [InlineData("embed|--model|CHECKPOINT|--data|TABLE|--output|x.tsv", "expected a folder for --data, --shard, --captions and --rows-per-file")]
    [InlineData("embed|--model|CHECKPOINT|--images|IMAGE|--output|x|--captions", "--captions: expected data with captions, found images alone")]
    [InlineData("embed|--model|CHECKPOINT|--output|x.tsv", "Expected one of --images, --data and --texts")]
    [InlineData("embed|--model|CHECKPOINT|--images|TABLE|--output|x.npy", "expected a folder or a file that ends in .tsv or .jsonl or .idv, found '.npy'")]
    [InlineData("search|--model|CHECKPOINT|--images|TABLE|--top|none|cat", "expected a count of at least 1, found 'none'")]
    [InlineData("train|--data|TABLE|--architecture|ViT-X|--output|x.zip", "ViT-B/32")]
    [InlineData("train|--data|TABLE|--batch-size|1|--output|x.zip", "--batch-size must be at least 2")]
    [InlineData("classify|--model|CHECKPOINT|IMAGE", "Expected --labels")]
    [InlineData("classify|--model|CHECKPOINT|--template|a {0}|IMAGE", "Expected --labels with --template")]
    public void A_usage_error_is_exit_code_2(string arguments, string expected)
    {
        ProgramResult result = HimoProgram.Run(Arguments(arguments));

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    private string[] Arguments(string arguments) => [.. arguments.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(argument =>
        argument.Replace("TABLE", files.Table, StringComparison.Ordinal).Replace("CHECKPOINT", files.Checkpoint, StringComparison.Ordinal)
            .Replace("DAMAGED", files.Damaged, StringComparison.Ordinal).Replace("IMAGE", files.Images[0], StringComparison.Ordinal))];
}
