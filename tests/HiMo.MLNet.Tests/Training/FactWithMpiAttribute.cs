using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests.Training;

/// <summary>A fact that needs MPI's launchers, Open MPI's and MPICH's, beside each other.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithMpiAttribute : FactAttribute
{
    public FactWithMpiAttribute() => Skip = MpiRun.Missing;
}

/// <summary>As <see cref="FactWithMpiAttribute"/>, for a theory.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryWithMpiAttribute : TheoryAttribute
{
    public TheoryWithMpiAttribute() => Skip = MpiRun.Missing;
}

/// <summary>A theory that needs MPI, and Slurm to start it.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryWithMpiAndSlurmAttribute : TheoryAttribute
{
    public TheoryWithMpiAndSlurmAttribute() => Skip = MpiRun.Missing ?? SlurmRun.Missing;
}
