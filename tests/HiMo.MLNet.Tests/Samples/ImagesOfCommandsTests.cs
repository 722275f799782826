using System.Diagnostics;
using System.Text.Json;
using HiMo.MLNet.Tests.Data;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>How the commands take images: folders with links, images that cannot be read, results as they come.</summary>
public sealed class ImagesOfCommandsTests(CommandLineTests.Files files) : IClassFixture<CommandLineTests.Files>
{
    private readonly string _folder = Directory.CreateDirectory(files.At(Guid.NewGuid().ToString("n"))).FullName;

    private string At(string name) => Path.Combine(_folder, name);

    private string Copy(int image, string name)
    {
        File.Copy(files.Images[image], At(name));
        return At(name);
    }

    private string Broken(string name)
    {
        File.WriteAllText(At(name), "not an image");
        return At(name);
    }

    private static string[] Images(JsonElement answers) => [.. answers.EnumerateArray().Select(answer => answer.GetProperty("image").GetString()!)];

    private static string[] Lines(string text) => text.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private ProgramResult Classify(params string[] arguments) => HimoProgram.Run(["classify", "--model", files.Checkpoint, "--labels", "red,green", .. arguments]);

    [FactWhereLinksCanBeMade]
    public void A_file_counts_once_wherever_links_lead()
    {
        Directory.CreateDirectory(At("deep"));
        string first = Copy(0, "first.png"), second = Copy(1, "deep/second.png");
        Directory.CreateSymbolicLink(At("a-loop"), _folder);                  // sorted before what it leads to
        Directory.CreateSymbolicLink(At("deep/up"), "..");
        Directory.CreateSymbolicLink(At("deep/other"), At("a-loop/deep"));
        File.CreateSymbolicLink(At("again.png"), first);
        Directory.CreateSymbolicLink(At("self"), At("self/self"));            // leads nowhere

        Assert.Equal([second, first], Images(Classify(_folder, "--json").Json));
    }

    [FactWhereLinksCanBeMade]
    public void Links_out_of_the_folder_are_followed()
    {
        string elsewhere = Directory.CreateDirectory(files.At(Guid.NewGuid().ToString("n"))).FullName;
        File.Copy(files.Images[0], Path.Combine(elsewhere, "far.png"));
        Directory.CreateSymbolicLink(At("link"), elsewhere);
        Directory.CreateSymbolicLink(At("twice"), elsewhere);

        Assert.Equal(At("link/far.png"), Assert.Single(Images(Classify(_folder, "--json").Json)));
    }

    [Fact]
    public void An_unreadable_image_is_told_and_the_others_are_classified()
    {
        string good = Copy(0, "good.png"), broken = Broken("broken.png"), last = Copy(1, "last.png");

        ProgramResult text = Classify(good, broken, last), json = Classify(good, broken, last, "--json");

        Assert.Equal((3, 3), (text.ExitCode, json.ExitCode));
        Assert.Equal([good, last], Lines(text.Output).Select(line => line[..line.LastIndexOf(".png", StringComparison.Ordinal)] + ".png"));
        string[] told = [$"himo: skipped '{broken}': it is not an image", "himo: 1 of 3 images could not be read and were skipped"];
        Assert.All(told.Zip(Lines(text.Errors)), line => Assert.StartsWith(line.First, line.Second, StringComparison.Ordinal));
        JsonElement[] answers = [.. JsonDocument.Parse(json.Output).RootElement.EnumerateArray()];
        Assert.Equal([good, broken, last], answers.Select(answer => answer.GetProperty("image").GetString()));
        Assert.StartsWith("it is not an image", answers[1].GetProperty("error").GetString(), StringComparison.Ordinal);
        Assert.False(answers[1].TryGetProperty("labels", out _));
        Assert.All([answers[0], answers[2]], answer => Assert.False(answer.TryGetProperty("error", out _)));
    }

    [Fact]
    public void An_unreadable_image_is_told_and_the_others_are_searched()
    {
        string good = Copy(0, "good.png"), broken = Broken("broken.png");

        ProgramResult found = HimoProgram.Run("search", "--model", files.Checkpoint, "--images", _folder, "red", "--json");

        Assert.Equal(3, found.ExitCode);
        JsonElement[] matches = [.. JsonDocument.Parse(found.Output).RootElement.EnumerateArray()];
        Assert.Equal([good, broken], matches.Select(match => match.GetProperty("image").GetString()));
        Assert.StartsWith("it is not an image", matches[1].GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(".tsv")]
    [InlineData(".idv")]
    public void An_unreadable_image_is_told_and_the_others_are_embedded(string extension)
    {
        string good = Copy(0, "good.png"), broken = Broken("broken.png"), last = Copy(1, "last.png"), output = At("e" + extension);

        ProgramResult embedded = HimoProgram.Run("embed", "--model", files.Checkpoint, "--images", _folder, "--output", output, "--json");

        Assert.Equal(3, embedded.ExitCode);
        JsonElement told = JsonDocument.Parse(embedded.Output).RootElement;
        Assert.Equal(2, told.GetProperty("count").GetInt32());
        Assert.Equal(broken, told.GetProperty("skipped")[0].GetProperty("image").GetString());
        var mlContext = new MLContext();
        IDataView rows = extension == ".idv" ? mlContext.Data.LoadFromBinary(output) : mlContext.Data.LoadFromTextFile(output, [new("ImagePath", DataKind.String, 0)]);
        Assert.Equal([good, last], rows.GetColumn<string>("ImagePath"));
        Assert.Equal(2, Lines(embedded.Errors).Length);
    }

    [Fact]
    public void Images_of_which_none_can_be_read_are_a_failure_that_leaves_the_older_file()
    {
        string broken = Broken("broken.dat"), output = At("older.tsv");
        File.WriteAllText(output, "older");

        ProgramResult result = HimoProgram.Run("embed", "--model", files.Checkpoint, "--images", broken, "--output", output);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("1 of 1 images could not be read", Lines(result.Errors)[^1], StringComparison.Ordinal);
        Assert.Equal("older", File.ReadAllText(output));
        Assert.Equal([output], Directory.EnumerateFiles(Path.GetDirectoryName(output)!, "older.tsv*"));
    }

    [Fact]
    public void A_list_with_a_NUL_in_a_path_is_one_line()
    {
        File.WriteAllText(At("list.txt"), files.Images[0] + "\nred\0green.png\n");

        ProgramResult result = Classify(At("list.txt"));

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Equal([$"himo: '{At("list.txt")}', line 2: expected the path of an image, found a NUL character."], Lines(result.Errors));
    }

    [Fact]
    public async Task Results_come_as_they_are_made()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // there are no pipes with a name in a folder
        }

        // Images are scored 32 at a time, and the next one is a pipe that nobody writes to: the command waits for it.
        string pipe = At("pipe.png");
        Process.Start("mkfifo", [pipe]).WaitForExit();
        File.WriteAllLines(At("list.txt"), [.. Enumerable.Repeat(files.Images[0], 32), pipe]);
        using Process classifying = HimoProgram.Start("classify", "--model", files.Checkpoint, "--labels", "red,green", At("list.txt"));

        for (int i = 0; i < 32; i++)
        {
            string? line = await classifying.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(5));
            Assert.StartsWith(files.Images[0], line, StringComparison.Ordinal);
        }

        classifying.Kill();
    }

    [Fact]
    public void Progress_is_told_in_lines_where_there_is_no_terminal()
    {
        ProgramResult result = Classify("--progress", "0.000001", files.Images[0], files.Images[1]);

        Assert.Equal((0, "himo: classifying 2 (100 %)"), (result.ExitCode, Assert.Single(Lines(result.Errors)).Replace("100%", "100 %", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_GPU_that_this_build_cannot_use_is_an_error_that_names_the_package()
    {
        if (torch.cuda.is_available())
        {
            return;
        }

        string zip = At("x.zip");
        ProgramResult classify = Classify("--gpu", files.Images[0]),
            train = HimoProgram.Run("train", "--data", files.Table, "--checkpoint", files.Checkpoint, "--epochs", "1", "--batch-size", "8", "--gpu", "--output", zip);

        foreach (ProgramResult result in (ProgramResult[])[classify, train])
        {
            Assert.Equal((1, ""), (result.ExitCode, result.Output));
            Assert.Matches(@"^himo: --gpu: .*package TorchSharp-(cpu|cuda)", Assert.Single(Lines(result.Errors)));
        }

        Assert.False(File.Exists(zip));
    }
}
