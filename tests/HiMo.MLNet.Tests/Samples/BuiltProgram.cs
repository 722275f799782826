using System.Diagnostics;
using System.Text;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>A program of this repository, built with the tests and run where it lies.</summary>
internal static class BuiltProgram
{
    /// <param name="project">The project's folder in the repository.</param>
    /// <param name="assembly">The file name of what it builds.</param>
    /// <param name="workingFolder">Null for that of the tests.</param>
    /// <param name="arguments">Of its command line.</param>
    public static Process Start(string project, string assembly, string? workingFolder, params string[] arguments)
    {
        // All projects build into bin/CONFIGURATION/… below themselves.
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "HiMo.MLNet.sln")))
            root = root.Parent ?? throw new DirectoryNotFoundException($"There is no HiMo.MLNet.sln above '{AppContext.BaseDirectory}'.");
        string built = Path.GetRelativePath(Path.Combine(root.FullName, "tests", "HiMo.MLNet.Tests"), AppContext.BaseDirectory);

        var start = new ProcessStartInfo("dotnet", [Path.Combine(root.FullName, project, built, assembly), .. arguments])
        {
            WorkingDirectory = workingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";                           // tests run side by side
        return Process.Start(start)!;
    }
}
