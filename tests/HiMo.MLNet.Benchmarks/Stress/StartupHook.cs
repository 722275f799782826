using System.Diagnostics;
using System.Text;
using Microsoft.Win32.SafeHandles;

/// <summary>
/// Collects garbage for as long as the process lives. The runtime calls it before Main where
/// DOTNET_STARTUP_HOOKS names this assembly, also in programs that know nothing of it; hence neither namespace nor references.
/// </summary>
internal static class StartupHook
{
    /// <summary>Names the folder in which every process tells its collections so far, in a file called by its id.</summary>
    internal const string FolderVariable = "HIMO_STRESS_COLLECTIONS";

    public static void Initialize() => new Thread(Collect) { IsBackground = true }.Start();

    private static void Collect()
    {
        string file = Path.Combine(Environment.GetEnvironmentVariable(FolderVariable)!, $"{Environment.ProcessId}");
        using SafeFileHandle count = File.OpenHandle(file, FileMode.Create, FileAccess.Write, FileShare.ReadWrite);
        var sincePause = Stopwatch.StartNew();
        for (int i = 0; ; i++)
        {
            // On a busy machine a thread that waits for a collection wakes up when the next has begun already, and may never
            // get on. So the work has half the time for sure.
            if (sincePause.ElapsedMilliseconds >= 1)
            {
                Thread.Sleep(1);
                sincePause.Restart();
            }

            // Scalars die young: most collections look at the youngest alone, and so there are more of them.
            GC.Collect(i % 16 == 0 ? GC.MaxGeneration : 0);
            if (i % 256 == 0)
            {
                // In one write: the process may end at any moment, and a file cut off before would count nothing.
                RandomAccess.Write(count, Encoding.ASCII.GetBytes($"{GC.CollectionCount(0),20}"), 0);
            }
        }
    }
}
