using System.Globalization;

namespace HiMo.MLNet.Training;

/// <summary>What started this process and others with it, as the environment tells.</summary>
/// <param name="Name">Of the program, for messages.</param>
/// <param name="Processes">How many it started.</param>
/// <param name="OpenMpi">Whether it speaks to Open MPI or to MPICH and its kin; null where it speaks to neither.</param>
/// <param name="Package">Where the library that belongs to it comes from, or what to start it with.</param>
internal sealed record MpiLauncher(string Name, int Processes, bool? OpenMpi, string Package)
{
    /// <param name="variable">Gives the value of a variable of the environment, or null.</param>
    /// <returns>Null where nothing did.</returns>
    public static MpiLauncher? Find(Func<string, string?> variable)
    {
        int? Number(string name) =>
            int.TryParse(variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : null;
        if (Number("OMPI_COMM_WORLD_SIZE") is { } open)
        {
            return new("Open MPI's mpirun", open, OpenMpi: true, "Open MPI's library, package openmpi-bin");
        }

        if (Number("PMI_SIZE") is { } pmi)
        {
            return variable("SLURM_STEP_ID") is null
                ? new("the mpiexec of MPICH's kind", pmi, OpenMpi: false, "MPICH's library, package mpich")
                : new("srun --mpi=pmi2", pmi, OpenMpi: false, "MPICH's library, package mpich; Open MPI takes srun --mpi=pmix");
        }

        if (Number("SLURM_STEP_NUM_TASKS") is not { } tasks)
        {
            return null;
        }

        return variable("PMIX_RANK") is null
            ? new("srun", tasks, OpenMpi: null, "srun --mpi=pmix for Open MPI, --mpi=pmi2 for MPICH")
            : new("srun --mpi=pmix", tasks, OpenMpi: true, "Open MPI's library, package openmpi-bin; MPICH takes srun --mpi=pmi2");
    }
}
