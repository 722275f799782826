namespace HiMo.MLNet.Tests.Samples;

/// <summary>A few of the kills of <c>./himo bench kills</c>.</summary>
public sealed class KilledProgramTests
{
    [Theory]
    [InlineData("training", 4)]
    [InlineData("saving", 2)]
    [InlineData("evaluation", 2)]
    [InlineData("embedding", 2)]
    [InlineData("embedding job", 5)]
    public void A_command_that_is_killed_loses_nothing(string kind, int kills)
    {
        int seed = Random.Shared.Next();
        using var harness = new KillHarness(seed);

        KillHarness.Result result = harness.Run(kind, kills);

        Assert.True(result.Losses.Count == 0, $"seed {seed}: {string.Join('\n', result.Losses)}");
        Assert.Equal(kills, result.Kills);
    }
}
