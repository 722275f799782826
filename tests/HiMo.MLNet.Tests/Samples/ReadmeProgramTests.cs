using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The programs of the README: the one that trains is compiled from there by HiMo.MLNet.ReadmeProgram, then the one that takes
/// its model without a pipeline.</summary>
public sealed class ReadmeProgramTests
{
    [Fact]
    public void Trains_saves_loads_predicts_and_embeds_without_a_pipeline()
    {
        using var images = new ToyImages();
        File.WriteAllLines(Path.Combine(images.Folder, "images.tsv"),
            ["ImagePath\tCaption", .. images.Rows.Select(row => $"{Path.GetFileName(row.ImagePath)}\t{row.Caption}")]);
        File.Copy(images.Rows[0].ImagePath, Path.Combine(images.Folder, "tom.jpg"));

        using Process program = BuiltProgram.Start("tests/HiMo.MLNet.ReadmeProgram", "HiMo.MLNet.ReadmeProgram.dll", images.Folder);
        var result = ProgramResult.Of(program);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Matches(@"^cat \d+\s?%, dog \d+\s?%$", result.Output.Trim());
        Assert.True(File.Exists(Path.Combine(images.Folder, "model.zip")));

        // With what belongs to the first program beside it.
        string built = Path.GetDirectoryName(program.StartInfo.ArgumentList[0])!, embeds = Path.Combine(built, "README.embeds.dll");
        DocumentationTests.CompileExample("using HiMo.MLNet;", embeds);
        ProcessStartInfo start = BuiltProgram.StartInfo("tests/HiMo.MLNet.ReadmeProgram", "HiMo.MLNet.ReadmeProgram.dll", images.Folder);
        start.ArgumentList.Clear();
        foreach (string argument in (string[])["exec", "--runtimeconfig", Path.Combine(built, "HiMo.MLNet.ReadmeProgram.runtimeconfig.json"),
            "--depsfile", Path.Combine(built, "HiMo.MLNet.ReadmeProgram.deps.json"), embeds])
        {
            start.ArgumentList.Add(argument);
        }

        using Process second = Process.Start(start)!;
        var embedded = ProgramResult.Of(second);

        Assert.Equal((0, ""), (embedded.ExitCode, embedded.Errors));
        Assert.Matches(@"^cat -?\d[.,]\d\d, dog -?\d[.,]\d\d\s+(cat|dog)$", embedded.Output.Trim());
    }
}
