using System.Text.Json;
using HiMo.MLNet.Tests.Evaluation;

namespace HiMo.MLNet.Tests.Samples;

public sealed class EvalCommandTests(CommandLineTests.Files files) : IClassFixture<CommandLineTests.Files>
{
    private readonly string _folder = Directory.CreateDirectory(files.At(Guid.NewGuid().ToString("n"))).FullName;

    private string At(string name) => Path.Combine(_folder, name);

    private List<ToyImages.Row> Rows { get; } =
        [.. files.Images.Select(path => (path, Colours: Path.GetFileNameWithoutExtension(path).Split('-')))
            .Select(p => new ToyImages.Row { ImagePath = p.path, Caption = $"Two colours. The top is {p.Colours[0]}. The bottom is {p.Colours[1]}." })];

    private ProgramResult Eval(params string[] arguments) => HimoProgram.Run(["eval", "--cache", At("cache"), .. arguments]);

    [Fact]
    public void Every_layout_is_told_from_its_folder_and_measured()
    {
        string[] formats = [.. ToyDataSets.WithCaptions.Where(f => !f.StartsWith("docci-", StringComparison.Ordinal)), "himo-docci", "cola", "class-folder"];
        foreach (string format in formats)
        {
            ToyDataSets.Write(format, Directory.CreateDirectory(At(format)).FullName, Rows);
        }

        JsonElement found = Eval(["--model", files.Checkpoint, "--json", .. formats.SelectMany(f => new[] { "--data", At(f) }), "--data", files.Table]).Json;

        JsonElement[] results = [.. found.GetProperty("results").EnumerateArray()];
        Assert.Equal([.. formats, null], results.Select(r => r.GetProperty("format").GetString()));
        Assert.All(results, r => Assert.Equal(16, r.GetProperty("imageCount").GetInt32()));
        double recall = results[0].GetProperty("retrieval").GetProperty("imageToTextRecallAt10").GetDouble();
        Assert.All(results.Where(r => r.GetProperty("format").GetString() is not ("cola" or "class-folder")),
            r => Assert.Equal(recall, r.GetProperty("retrieval").GetProperty("imageToTextRecallAt10").GetDouble()));
        Assert.Equal(8, results[^3].GetProperty("cola").GetProperty("rowCount").GetInt32());
        Assert.Equal(4, results[^2].GetProperty("zeroShot").GetProperty("perClass").GetArrayLength());
    }

    [Fact]
    public void Models_are_compared_beside_published_figures_and_in_a_report()
    {
        string data = ToyDataSets.Write("urban1k", Directory.CreateDirectory(At("urban")).FullName, Rows);
        string copy = At("copy.safetensors");
        File.Copy(files.Checkpoint, copy);

        ProgramResult result = Eval("--data", data, "--model", files.Checkpoint, "--model", copy, "--k", "3", "--report", At("report.html"), "--json", At("all.json"), "--csv", At("all.csv"));

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("tiny", result.Output, StringComparison.Ordinal);
        Assert.Contains("copy", result.Output, StringComparison.Ordinal);
        Assert.Matches(@"HiMo-CLIP L/14 +│ +93\.0 │ +– │ +– │ +93\.1 │ +– │ +– │ +64\.2 ", result.Output);
        Assert.Contains(At("report.html"), result.Errors, StringComparison.Ordinal);
        Assert.Contains("<svg", File.ReadAllText(At("report.html")), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(At("all.json")));
        Assert.Equal(2, json.RootElement.GetProperty("results").GetArrayLength());
        string[] lines = File.ReadAllLines(At("all.csv"));
        Assert.Contains($"{data},HiMo-CLIP L/14,published,image → caption,R@1 %,93", lines);
        Assert.NotEmpty(Directory.GetFiles(At("cache"), "*.emb", SearchOption.AllDirectories));
    }

    [Fact]
    public void Classes_take_names_and_templates_from_files()
    {
        string data = ToyDataSets.Write("class-folder", Directory.CreateDirectory(At("classes")).FullName, Rows);
        File.WriteAllText(At("names.tsv"), "red\tfire\ngreen\nblue\tsky\nyellow\tsun\nn0\tsnow\n");
        File.WriteAllText(At("templates.txt"), "a {0}.\nmy {0}.\n");

        JsonElement found = Eval("--data", data, "--model", files.Checkpoint, "--labels", At("names.tsv"), "--templates", At("templates.txt"), "--json").Json;

        Assert.Equal(["fire", "green", "sky", "sun", "snow"],
            found.GetProperty("results")[0].GetProperty("zeroShot").GetProperty("perClass").EnumerateArray().Select(c => c.GetProperty("name").GetString()));
    }

    [Fact]
    public void What_is_wrong_with_the_data_is_one_line()
    {
        File.WriteAllText(At("readme.md"), "");

        ProgramResult wrong = Eval("--data", _folder, "--model", files.Checkpoint), templates = Eval("--data", files.Table, "--model", files.Checkpoint, "--templates", "none"),
            place = Eval("--data", files.Table, "--model", files.Checkpoint, "--report", At("no/such/report.html"));

        Assert.Equal((1, ""), (wrong.ExitCode, wrong.Output));
        Assert.Contains("looked for urban1k", wrong.Errors, StringComparison.Ordinal);
        Assert.Contains("Found readme.md", wrong.Errors, StringComparison.Ordinal);
        Assert.Single(wrong.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, templates.ExitCode);
        Assert.Contains("found 'none'", templates.Errors, StringComparison.Ordinal);
        Assert.Equal(2, place.ExitCode);
        Assert.Contains("there is no folder", place.Errors, StringComparison.Ordinal);
    }
}
