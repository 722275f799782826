using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>Disks that are full, folders that vanish, two processes that write one file: an error, and nothing is lost.</summary>
public sealed class HostileDiskTests : IDisposable
{
    private readonly ToyImages _toys = new();
    private readonly string _checkpoint, _table;

    public HostileDiskTests()
    {
        _checkpoint = _toys.Checkpoint();
        _table = Table(_toys.Rows);
    }

    public void Dispose() => _toys.Dispose();

    private string At(string name) => Path.Combine(_toys.Folder, name);

    private string Older(string name)
    {
        File.WriteAllText(At(name), "older");
        return At(name);
    }

    private string Table(IEnumerable<ToyImages.Row> rows)
    {
        File.WriteAllLines(At("images.tsv"), ["ImagePath\tCaption", .. rows.Select(row => $"{row.ImagePath}\t{row.Caption}")]);
        return At("images.tsv");
    }

    private static string TheLine(ProgramResult result) => Assert.Single(result.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>Runs the command line where no file may become larger than so many blocks of 1,024 bytes.</summary>
    private static ProgramResult RunWithLittleRoom(int blocks, params string[] arguments)
    {
        ProcessStartInfo start = BuiltProgram.StartInfo("src/HiMo.MLNet.Cli", "himo.dll", null, [.. arguments, "--progress", "0"]);
        string[] dotnet = [start.FileName, .. start.ArgumentList];
        start.ArgumentList.Clear();
        start.FileName = "bash";
        foreach (string argument in (string[])["-c", $"trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"", "bash", .. dotnet])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["DOTNET_EnableWriteXorExecute"] = "0";              // it compiles into a file, which would be too large
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        using Process process = Process.Start(start)!;
        return ProgramResult.Of(process);
    }

    [Theory]
    [InlineData("embed|--model|CHECKPOINT|--images|LIST|--output|FILE", "e.tsv")]
    [InlineData("embed|--model|CHECKPOINT|--images|LIST|--output|FILE", "e.jsonl")]
    [InlineData("export|CHECKPOINT|--to|mlnet|--output|FILE", "m.zip")]
    public void A_disk_without_room_leaves_the_older_file(string arguments, string name)
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // nothing limits a process's files there
        }

        string list = At("list.txt"), file = Older(name);
        File.WriteAllLines(list, Enumerable.Repeat(_toys.Rows[0].ImagePath, 100));

        ProgramResult result = RunWithLittleRoom(16, [.. arguments.Split('|').Select(argument =>
            argument switch { "CHECKPOINT" => _checkpoint, "LIST" => list, "TABLE" => _table, "FILE" => file, _ => argument })]);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"himo: '{file}' could not be written: ", TheLine(result), StringComparison.Ordinal);
        Assert.Equal("older", File.ReadAllText(file));
        Assert.Equal([file], Directory.EnumerateFiles(_toys.Folder, name + "*"));
    }

    [Fact]
    public void A_checkpoint_that_becomes_too_large_costs_a_warning_and_not_the_training()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // nothing limits a process's files there
        }

        string zip = At("model.zip"), folder = At("checkpoints");

        // Room for the weights of 13 MB, and not for a checkpoint, which holds them and the optimizer's averages: 39 MB.
        ProgramResult result = RunWithLittleRoom(20_000,
            "train", "--data", _table, "--checkpoint", _checkpoint, "--epochs", "1", "--batch-size", "8", "--checkpoints", folder, "--output", zip);

        Assert.True(result.ExitCode == 0, result.Errors);
        Assert.Matches(@"The checkpoint of step 2 could not be written to '.*checkpoints': '.*step-00000002\.safetensors' could not be written", result.Errors);
        Assert.True(File.Exists(zip));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public void Two_that_write_one_file_are_told_apart()
    {
        string zip = Older("model.zip");
        string[] train = ["train", "--data", _table, "--checkpoint", _checkpoint, "--epochs", "1000000", "--batch-size", "8", "--output", zip];
        using Process first = HimoProgram.Start(train);
        while (!File.Exists(zip + ".in-use") && !first.HasExited)
        {
            Thread.Sleep(20);
        }

        ProgramResult second = HimoProgram.Run(train);

        Assert.Equal((1, ""), (second.ExitCode, second.Output));
        Assert.Contains("model.zip", TheLine(second), StringComparison.Ordinal);
        Assert.False(first.HasExited);
        Assert.True(File.Exists(zip + ".in-use"));
        Assert.Equal("older", File.ReadAllText(zip));
        first.Kill();
    }

    [Fact]
    public void A_folder_that_vanishes_under_a_training_costs_no_checkpoint()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // there are no pipes with a name in a folder
        }

        // An image that is there only once the folder of the model has gone: the training waits for it.
        string pipe = At("pipe.png"), folder = Directory.CreateDirectory(At("models")).FullName;
        Process.Start("mkfifo", [pipe]).WaitForExit();
        string table = Table([new() { ImagePath = pipe, Caption = "Two colours." }, .. _toys.Rows]);
        string[] Train(string output) => ["train", "--data", table, "--checkpoint", _checkpoint, "--epochs", "1", "--batch-size", "17", "--checkpoints", At("checkpoints"), "--output", output];
        using Process training = HimoProgram.Start(Train(Path.Combine(folder, "model.zip")));
        while (!Directory.EnumerateFiles(folder, "model.zip.*.partial").Any() && !training.HasExited)
        {
            Thread.Sleep(20);
        }

        Directory.Delete(folder, recursive: true);
        byte[] image = File.ReadAllBytes(_toys.Rows[0].ImagePath);
        _ = Task.Run(() => File.WriteAllBytes(pipe, image));                // waits for its reader, for ever if there is none
        var result = ProgramResult.Of(training);
        ProgramResult again = HimoProgram.Run([.. Train(At("model.zip")), "--json"]);

        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.Contains("model.zip", TheLine(result), StringComparison.Ordinal);
        Assert.Equal(At("model.zip"), again.Json.GetProperty("output").GetString());
        Assert.Equal(0, again.Json.GetProperty("steps").GetInt32());          // from the last checkpoint, without another step
    }
}
