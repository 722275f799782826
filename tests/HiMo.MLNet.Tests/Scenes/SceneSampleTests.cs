using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;

namespace HiMo.MLNet.Tests.Scenes;

/// <summary>The sample of scenes, on a few of them.</summary>
public sealed class SceneSampleTests
{
    [Fact]
    public void Trains_saves_and_tells_the_similarity_after_every_sentence()
    {
        using var folder = new TemporaryFolder();

        ProgramResult result = SamplesProgram.Run("sample", "scenes", "--scenes", "128", "--output", folder.FullPath);

        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        Assert.Matches(
            @"^images/000000\.png, after each sentence of its caption:\n(  [ -]0\.\d{3} .+\.\n){8,15}  [ -]0\.\d{3} with sentence \d+ false: .+\.\n"
            + @"(.+\n)+Of 200 test scenes, \d+ match their whole caption better than its first sentence, and \d+ better than ",
            result.Output.ReplaceLineEndings("\n"));
        Assert.Contains("himo web --model ", result.Output);
        var mlContext = new MLContext();
        using var model = (HiMoClipTransformer)mlContext.Model.Load(Path.Combine(folder.FullPath, "scenes.zip"), out _);
        Assert.Equal(200, Directory.GetFiles(Path.Combine(folder.FullPath, "scenes", "images")).Length);
    }
}
