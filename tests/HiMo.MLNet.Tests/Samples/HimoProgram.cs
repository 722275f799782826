using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The command line, built beside the tests and run as a process of its own, as a user runs it.</summary>
internal static class HimoProgram
{
    public static ProgramResult Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        return ProgramResult.Of(process);
    }

    public static Process Start(params string[] arguments) => BuiltProgram.Start("src/HiMo.MLNet.Cli", "himo.dll", null, arguments);
}
