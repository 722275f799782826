using System.Diagnostics;

namespace HiMo.MLNet.Benchmarks;

internal static class Memory
{
    /// <summary>The most memory this process has held so far, in bytes.</summary>
    public static long Peak
    {
        get
        {
            using var process = Process.GetCurrentProcess();
            process.Refresh();
            return process.PeakWorkingSet64;
        }
    }
}
