using System.ComponentModel;
using System.Diagnostics;

namespace HiMo.MLNet.Tests;

/// <summary>Node.js, which some tests need.</summary>
internal static class Node
{
    /// <summary>Whether it can be started.</summary>
    public static bool IsThere { get; } = Starts();

    private static bool Starts()
    {
        try
        {
            using Process node = Process.Start(new ProcessStartInfo("node", ["--version"]) { RedirectStandardOutput = true })!;
            node.WaitForExit();
            return node.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }
}
