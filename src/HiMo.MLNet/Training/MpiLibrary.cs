using System.Runtime.InteropServices;
using System.Text;

namespace HiMo.MLNet.Training;

/// <summary>
/// The functions of the MPI library that is installed. MPI is an interface of source code: a handle is an address in Open MPI, and a
/// number in MPICH and those that share its binary interface (Intel MPI, MVAPICH, MS-MPI, Cray's). Which one it is shows in the
/// symbols of the library.
/// </summary>
internal sealed unsafe class MpiLibrary
{
    private const int ThreadsSerialized = 2;

    private static readonly string[] s_openMpi = OperatingSystem.IsWindows() ? []
        : OperatingSystem.IsMacOS() ? ["libmpi.40.dylib", "libmpi.dylib"] : ["libmpi.so.40", "libmpi.so"];

    private static readonly string[] s_mpich = OperatingSystem.IsWindows() ? ["msmpi.dll", "impi.dll"]
        : OperatingSystem.IsMacOS() ? ["libmpi.12.dylib", "libmpich.dylib"] : ["libmpich.so.12", "libmpi.so.12", "libmpich.so"];

    private readonly nint _library, _world, _byte, _float, _sum, _inPlace;

    private MpiLibrary(string name, nint library)
    {
        (Name, _library) = (name, library);
        IsOpenMpi = NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _world);
        if (IsOpenMpi)
        {
            (_byte, _float, _sum, _inPlace) = (Symbol("ompi_mpi_byte"), Symbol("ompi_mpi_float"), Symbol("ompi_mpi_op_sum"), 1);
        }
        else
        {
            (_world, _byte, _float, _sum, _inPlace) = (0x44000000, 0x4c00010d, 0x4c00040a, 0x58000003, -1);
        }
    }

    /// <summary>The file, as the system's loader found it.</summary>
    public string Name { get; }

    public bool IsOpenMpi { get; }

    /// <summary>The library that belongs to the launcher, or else any.</summary>
    /// <exception cref="InvalidOperationException">There is none; the message names the packages.</exception>
    public static MpiLibrary Load(MpiLauncher? launcher)
    {
        string[] names = launcher?.OpenMpi == false ? [.. s_mpich, .. s_openMpi] : [.. s_openMpi, .. s_mpich];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
            {
                return new(name, library);
            }
        }

        throw new InvalidOperationException($"There is no MPI library: expected one of {string.Join(", ", names)}. Install "
            + (OperatingSystem.IsWindows() ? "Microsoft MPI (MS-MPI)."
                : OperatingSystem.IsMacOS() ? "Open MPI (brew install open-mpi) or MPICH (brew install mpich)."
                : "Open MPI (Debian, Ubuntu: package openmpi-bin) or MPICH (package mpich), or load the cluster's module, so that "
                    + "LD_LIBRARY_PATH leads to it."));
    }

    /// <summary>Whether MPI has been started in this process, and not ended.</summary>
    public bool IsRunning
    {
        get
        {
            int started, ended;
            Check(((delegate* unmanaged<int*, int>)Symbol("MPI_Initialized"))(&started));
            Check(((delegate* unmanaged<int*, int>)Symbol("MPI_Finalized"))(&ended));
            return ended == 0 ? started != 0
                : throw new InvalidOperationException("MPI was ended in this process, and can be started only once.");
        }
    }

    /// <summary>The first line of what the library says of itself.</summary>
    public string Version => Text("MPI_Get_library_version", 8192).Split('\n')[0].Trim();

    public string MachineName => Text("MPI_Get_processor_name", 1024);

    public int Rank => CommNumber("MPI_Comm_rank");

    public int Size => CommNumber("MPI_Comm_size");

    public void Start()
    {
        int provided;
        Check(((delegate* unmanaged<int*, byte***, int, int*, int>)Symbol("MPI_Init_thread"))(null, null, ThreadsSerialized, &provided));
        if (provided < ThreadsSerialized)
        {
            throw new InvalidOperationException($"{Version} ({Name}) serves the thread that started it alone (MPI_Init_thread gives level "
                + $"{provided}, expected {ThreadsSerialized}, MPI_THREAD_SERIALIZED): it was built without threads.");
        }
    }

    public void End() => Check(((delegate* unmanaged<int>)Symbol("MPI_Finalize"))());

    public void Abort() => _ = ((delegate* unmanaged<nint, int, int>)Symbol("MPI_Abort"))(_world, 1);

    public void AllGather(int mine, Span<int> all)
    {
        fixed (int* to = all)
        {
            Check(((delegate* unmanaged<void*, int, nint, void*, int, nint, nint, int>)Symbol("MPI_Allgather"))(
                &mine, sizeof(int), _byte, to, sizeof(int), _byte, _world));
        }
    }

    public void AllGather(ReadOnlySpan<byte> mine, Span<byte> all, ReadOnlySpan<int> counts, ReadOnlySpan<int> starts)
    {
        fixed (byte* from = mine, to = all)
        fixed (int* lengths = counts, places = starts)
        {
            Check(((delegate* unmanaged<void*, int, nint, void*, int*, int*, nint, nint, int>)Symbol("MPI_Allgatherv"))(
                from, mine.Length, _byte, to, lengths, places, _byte, _world));
        }
    }

    public void Sum(Span<float> values)
    {
        fixed (float* address = values)
        {
            Check(((delegate* unmanaged<void*, void*, int, nint, nint, nint, int>)Symbol("MPI_Allreduce"))(
                (void*)_inPlace, address, values.Length, _float, _sum, _world));
        }
    }

    public void Broadcast(Span<byte> bytes)
    {
        fixed (byte* address = bytes)
        {
            Check(((delegate* unmanaged<void*, int, nint, int, nint, int>)Symbol("MPI_Bcast"))(
                address, bytes.Length, _byte, 0, _world));
        }
    }

    private int CommNumber(string function)
    {
        int number;
        Check(((delegate* unmanaged<nint, int*, int>)Symbol(function))(_world, &number));
        return number;
    }

    private string Text(string function, int capacity)
    {
        byte[] text = new byte[capacity];
        int length;
        fixed (byte* address = text)
        {
            Check(((delegate* unmanaged<byte*, int*, int>)Symbol(function))(address, &length));
        }

        return Encoding.UTF8.GetString(text, 0, length).TrimEnd('\0').Replace('\t', ' ');
    }

    private nint Symbol(string name) => NativeLibrary.TryGetExport(_library, name, out nint address) ? address
        : throw new InvalidOperationException($"The MPI library '{Name}' has no {name}.");

    // By default MPI itself ends all processes when a call fails.
    private void Check(int result)
    {
        if (result != 0)
        {
            throw new InvalidOperationException($"A call into the MPI library '{Name}' failed with error {result}.");
        }
    }
}
