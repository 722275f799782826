using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests.Training;

/// <summary>A program started several times by a launcher of MPI, on this machine.</summary>
internal static class MpiRun
{
    public const string OpenMpi = "mpirun.openmpi", Mpich = "mpirun.mpich";

    /// <summary>Slurm's, for Open MPI and for MPICH.</summary>
    public const string SlurmPmix = "srun --mpi=pmix", SlurmPmi2 = "srun --mpi=pmi2";

    /// <summary>What is missing to run one; null if nothing is.</summary>
    public static string? Missing { get; } =
        InstalledProgram.HasAll(OpenMpi, Mpich) ? null : "Needs Open MPI and MPICH: apt-get install openmpi-bin mpich.";

    /// <param name="launcher">One of the four.</param>
    /// <param name="ranks">How many processes.</param>
    /// <param name="program">The assembly and its arguments.</param>
    public static Process Start(string launcher, int ranks, params string[] program)
    {
        if (launcher is SlurmPmix or SlurmPmi2)
        {
            return SlurmRun.Start(
                [.. launcher.Split(' '), "--kill-on-bad-exit=1", "-n", ranks.ToString(CultureInfo.InvariantCulture), "dotnet", .. program]);
        }

        // More ranks than cores, as root, in a container that has no ptrace: what Open MPI asks for by default.
        string[] open = launcher == OpenMpi ? ["--oversubscribe", "--bind-to", "none", "--mca", "btl_vader_single_copy_mechanism", "none"] : [];
        var start = new ProcessStartInfo(launcher, [.. open, "-n", ranks.ToString(CultureInfo.InvariantCulture), "dotnet", .. program])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string variable in (string[])["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "OMP_NUM_THREADS"])
        {
            start.Environment[variable] = "1";
        }

        start.Environment["OMP_WAIT_POLICY"] = "PASSIVE";
        return Process.Start(start)!;
    }

    /// <summary>To its end.</summary>
    public static ProgramResult Run(string launcher, int ranks, params string[] program)
    {
        using Process process = Start(launcher, ranks, program);
        return ProgramResult.Of(process);
    }

    /// <summary>The assembly that this is compiled into.</summary>
    public static string Here { get; } = typeof(MpiRun).Assembly.Location;
}
