using System.Runtime.InteropServices;

namespace HiMo.MLNet.Training;

/// <summary>
/// Keeps the runtime's answer to faults while a native library starts: UCX, below MPICH and Open MPI, takes these signals for itself, and a
/// null reference, which .NET reads off one of them, would end the process.
/// </summary>
internal sealed unsafe partial class SignalHandlers : IDisposable
{
    // Larger than any system's struct sigaction.
    private const int Size = 512;

    // SIGILL, SIGABRT, SIGBUS (Linux, macOS), SIGFPE, SIGSEGV.
    private static readonly int[] s_signals = OperatingSystem.IsWindows() ? [] : [4, 6, OperatingSystem.IsMacOS() ? 10 : 7, 8, 11];

    private readonly (int Signal, byte[] Action)[] _before = [.. s_signals.Select(signal => (signal, Read(signal)))];

    private static byte[] Read(int signal)
    {
        byte[] action = new byte[Size];
        fixed (byte* address = action)
        {
            _ = SignalAction(signal, null, address);
        }

        return action;
    }

    public void Dispose()
    {
        foreach ((int signal, byte[] action) in _before)
        {
            fixed (byte* address = action)
            {
                _ = SignalAction(signal, address, null);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "sigaction")]
    private static partial int SignalAction(int signal, byte* action, byte* before);
}
