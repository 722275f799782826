using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The command line, built beside the tests and run as a process of its own, as a user runs it.</summary>
internal static class HimoProgram
{
    private static readonly string[] s_commands = ["download", "inspect", "embed", "classify", "search", "index", "train", "eval", "export"];

    private const string Project = "src/HiMo.MLNet.Cli", Assembly = "himo.dll";

    /// <summary>To be run by <c>dotnet</c>.</summary>
    public static string Path => BuiltProgram.PathOf(Project, Assembly);

    public static ProgramResult Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        return ProgramResult.Of(process);
    }

    /// <summary>Without lines of progress, of which a slow machine sees more, unless the arguments ask for them.</summary>
    public static Process Start(params string[] arguments) => BuiltProgram.Start(Project, Assembly, null,
        s_commands.Contains(arguments.FirstOrDefault()) && !arguments.Contains("--progress") ? [.. arguments, "--progress", "0"] : arguments);
}
