using HiMo.MLNet.Cli;

namespace HiMo.MLNet.Tests.Samples;

public sealed class JobShardTests
{
    private static JobShard Parse(string? text, params string[] environment) => JobShard.Parse(text, name =>
        environment.Select(variable => variable.Split('=')).FirstOrDefault(variable => variable[0] == name)?[1]);

    [Fact]
    public void A_share_is_told_or_all() => Assert.Equal([new(3, 16), new(0, 1)], new[] { Parse("3/16"), Parse(null) });

    [Fact]
    public void Slurm_tells_the_share_of_a_task_of_an_array()
    {
        // sbatch --array=10-19:3, the task 16
        string[] array = ["SLURM_ARRAY_TASK_ID=16", "SLURM_ARRAY_TASK_MIN=10", "SLURM_ARRAY_TASK_MAX=19", "SLURM_ARRAY_TASK_STEP=3", "SLURM_ARRAY_TASK_COUNT=4"];

        Assert.Equal(new JobShard(2, 4), Parse("auto", array));
        Assert.Equal(new JobShard(2, 4), Parse("auto/4", array));
        Assert.Contains("4 tasks", Assert.Throws<UsageException>(() => Parse("auto/5", array)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Kubernetes_tells_the_number_and_not_the_count()
    {
        Assert.Equal(new JobShard(5, 8), Parse("auto/8", "JOB_COMPLETION_INDEX=5"));
        Assert.Contains("auto/COUNT", Assert.Throws<UsageException>(() => Parse("auto", "JOB_COMPLETION_INDEX=5")).Message, StringComparison.Ordinal);
        Assert.Throws<UsageException>(() => Parse("auto/5", "JOB_COMPLETION_INDEX=5"));
    }

    [Theory]
    [InlineData("16/16")]
    [InlineData("-1/16")]
    [InlineData("3")]
    [InlineData("a/b")]
    [InlineData("auto")]
    [InlineData("auto/2/3")]
    public void What_makes_no_sense_is_refused(string text) => Assert.Throws<UsageException>(() => Parse(text));
}
