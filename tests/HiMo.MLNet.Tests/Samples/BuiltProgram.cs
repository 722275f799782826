using System.Diagnostics;
using System.Text;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>A program of this repository, built with the tests and run where it lies.</summary>
internal static class BuiltProgram
{
    // All projects build into bin/CONFIGURATION/… below themselves.
    private static readonly DirectoryInfo s_bin = Bin();

    /// <summary>The repository.</summary>
    public static string Root { get; } = Path.GetFullPath(Path.Combine("..", "..", ".."), s_bin.FullName);

    private static DirectoryInfo Bin()
    {
        DirectoryInfo bin = new(AppContext.BaseDirectory);
        while (bin.Name != "bin")
        {
            bin = bin.Parent ?? throw new DirectoryNotFoundException($"Expected a folder 'bin' above '{AppContext.BaseDirectory}'.");
        }

        return bin;
    }

    /// <param name="project">The project's folder in the repository.</param>
    /// <param name="assembly">The file name of what it builds.</param>
    public static string PathOf(string project, string assembly) =>
        Path.Combine(Root, project, "bin", Path.GetRelativePath(s_bin.FullName, AppContext.BaseDirectory), assembly);

    /// <param name="project">The project's folder in the repository.</param>
    /// <param name="assembly">The file name of what it builds.</param>
    /// <param name="workingFolder">Null for that of the tests.</param>
    /// <param name="arguments">Of its command line.</param>
    public static Process Start(string project, string assembly, string? workingFolder, params string[] arguments) =>
        Process.Start(StartInfo(project, assembly, workingFolder, arguments))!;

    /// <summary>As <see cref="Start"/>, to change before it starts.</summary>
    public static ProcessStartInfo StartInfo(string project, string assembly, string? workingFolder, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [PathOf(project, assembly), .. arguments])
        {
            WorkingDirectory = workingFolder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";                           // tests run side by side
        return start;
    }
}
