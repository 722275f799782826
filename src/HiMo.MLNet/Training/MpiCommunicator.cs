using System.Text;
using HiMo.MLNet.Training;

namespace HiMo.MLNet;

/// <summary>
/// The processes that <c>mpirun</c>, <c>mpiexec</c> or <c>srun</c> started, over the MPI library that is installed: Open MPI, MPICH and
/// those of its binary interface, or MS-MPI.
/// </summary>
/// <example>
/// <code>
/// using MpiCommunicator mpi = MpiCommunicator.Start();
/// var options = new HiMoClipOptions { BatchSize = 1024, Communicator = mpi };
/// using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(data);     // on every rank
/// if (mpi.Rank == 0)
/// {
///     mlContext.Model.Save(model, data.Schema, "model.zip");
/// }
/// </code>
/// </example>
public sealed class MpiCommunicator : ICommunicator, IDisposable
{
    // MPI counts in 32 bits.
    private const int SumFloats = 1 << 24, BroadcastBytes = 1 << 28;

    private readonly MpiLibrary _library;
    private readonly bool _ends;
    private bool _disposed;

    private MpiCommunicator(MpiLibrary library, bool ends)
    {
        (_library, _ends) = (library, ends);
        (Rank, Size, Library) = (library.Rank, library.Size, $"{library.Version} ({library.Name})");
        string[] machines = [.. AllGather(Encoding.UTF8.GetBytes(library.MachineName)).Select(Encoding.UTF8.GetString)];
        LocalRank = machines.Take(Rank).Count(machine => machine == machines[Rank]);
        Machines = machines.Distinct(StringComparer.Ordinal).Count();
    }

    /// <summary>How many processes a launcher of MPI or Slurm started with this one, as the environment tells; 1 without one.</summary>
    public static int StartedProcesses => MpiLauncher.Find(Environment.GetEnvironmentVariable)?.Processes ?? 1;

    /// <inheritdoc/>
    public int Rank { get; }

    /// <inheritdoc/>
    public int Size { get; }

    /// <summary>This process among those on its machine, from 0: the GPU to take where each has one.</summary>
    public int LocalRank { get; }

    /// <summary>The machines that the ranks run on.</summary>
    public int Machines { get; }

    /// <summary>The library in use: what it says of itself, and its file.</summary>
    public string Library { get; }

    /// <summary>
    /// Finds the MPI library of what started this process and starts it (<c>MPI_Init_thread</c>), unless that has been done. Once in a
    /// process; dispose of it at the end, on every rank.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no MPI library, it is not the one of the launcher, or it serves one thread
    /// alone; the message names the package.</exception>
    public static MpiCommunicator Start()
    {
        var launcher = MpiLauncher.Find(Environment.GetEnvironmentVariable);
        if (launcher is { OpenMpi: null, Processes: > 1 })
        {
            throw new InvalidOperationException(
                $"{launcher.Name} started {launcher.Processes} processes that cannot find each other: expected {launcher.Package}.");
        }

        using var handlers = new SignalHandlers();
        var library = MpiLibrary.Load(launcher);
        bool starts = !library.IsRunning;
        if (starts)
        {
            library.Start();
        }

        var communicator = new MpiCommunicator(library, starts);
        return launcher is null || launcher.Processes == communicator.Size ? communicator
            : throw new InvalidOperationException($"{launcher.Name} started {launcher.Processes} processes, but {communicator.Library} "
                + $"sees {communicator.Size} of them: expected {launcher.Package}.");
    }

    /// <inheritdoc/>
    public byte[][] AllGather(ReadOnlySpan<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int[] counts = new int[Size], starts = new int[Size];
        _library.AllGather(bytes.Length, counts);
        long total = 0;
        for (int i = 0; i < Size; total += counts[i++])
        {
            starts[i] = (int)Math.Min(total, int.MaxValue);
        }

        if (total > Array.MaxLength)
        {
            throw new InvalidOperationException($"The ranks gather {total} bytes at once; MPI takes at most {Array.MaxLength}. "
                + $"Make {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.BatchSize)} smaller.");
        }

        byte[] all = new byte[total];
        _library.AllGather(bytes, all, counts, starts);
        return [.. counts.Zip(starts, (count, start) => all.AsSpan(start, count).ToArray())];
    }

    /// <inheritdoc/>
    public void Sum(Span<float> values)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        for (int start = 0; start < values.Length; start += SumFloats)
        {
            _library.Sum(values[start..Math.Min(values.Length, start + SumFloats)]);
        }
    }

    /// <inheritdoc/>
    public void Broadcast(Span<byte> bytes)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        for (int start = 0; start < bytes.Length; start += BroadcastBytes)
        {
            _library.Broadcast(bytes[start..Math.Min(bytes.Length, start + BroadcastBytes)]);
        }
    }

    /// <summary>Writes the reason to the standard error, and ends the processes of all ranks with exit code 1 (<c>MPI_Abort</c>).</summary>
    /// <param name="reason">What to tell the user; the rank is added.</param>
    public void Abort(string reason)
    {
        Console.Error.WriteLine($"rank {Rank} of {Size}: {reason}");
        Console.Error.Flush();
        // MPICH's launcher drops what it has not passed on when it hears of the end.
        Thread.Sleep(TimeSpan.FromSeconds(1));
        _library.Abort();
        Environment.Exit(1);
    }

    /// <summary>How many ranks on how many machines, and the library.</summary>
    public override string ToString() => $"{Size} ranks on {Machines} {(Machines == 1 ? "machine" : "machines")}, {Library}";

    /// <summary>Ends MPI, if <see cref="Start"/> started it. Waits for the other ranks to do so: where this one fails and they may not,
    /// <see cref="Abort"/>.</summary>
    public void Dispose()
    {
        if (!_disposed && _ends)
        {
            _library.End();
        }

        _disposed = true;
    }
}
