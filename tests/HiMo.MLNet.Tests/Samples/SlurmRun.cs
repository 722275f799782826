using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>A command in a Slurm of one node, this machine: tests/slurm/slurm.sh starts it and stops it.</summary>
internal static class SlurmRun
{
    private static string Folder => Path.Combine(BuiltProgram.Root, "tests", "slurm");

    /// <summary>What is missing to run it; null if nothing is.</summary>
    public static string? Missing { get; } =
        !OperatingSystem.IsLinux() || Environment.UserName != "root" || !InstalledProgram.HasAll("munged", "slurmctld", "slurmd", "srun")
            ? "Needs Slurm, and root on Linux: apt-get install --no-install-recommends slurm-wlm munge libpmix-dev." : null;

    /// <summary>A script beside slurm.sh.</summary>
    public static string Script(string name) => Path.Combine(Folder, name);

    /// <param name="command">A program and its arguments; <c>srun</c>, <c>sbatch</c> and others reach the Slurm.</param>
    public static Process Start(params string[] command)
    {
        var start = new ProcessStartInfo("bash", [Script("slurm.sh"), .. command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OMP_NUM_THREADS"] = "1";
        return Process.Start(start)!;
    }
}
