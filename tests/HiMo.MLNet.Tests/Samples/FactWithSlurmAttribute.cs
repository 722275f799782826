namespace HiMo.MLNet.Tests.Samples;

/// <summary>A fact that needs Slurm.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithSlurmAttribute : FactAttribute
{
    public FactWithSlurmAttribute() => Skip = SlurmRun.Missing;
}
