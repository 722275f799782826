using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The first example of the README, compiled from there by HiMo.MLNet.ReadmeProgram.</summary>
public sealed class ReadmeProgramTests
{
    [Fact]
    public void Trains_saves_loads_and_predicts()
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
    }
}
