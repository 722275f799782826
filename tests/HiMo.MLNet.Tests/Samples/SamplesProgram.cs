using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The samples program, built beside the tests and run as a process of its own.</summary>
internal static class SamplesProgram
{
    public static ProgramResult Run(params string[] arguments)
    {
        using Process process = BuiltProgram.Start("src/HiMo.MLNet.Samples", "himo-samples.dll", null, [.. arguments, "--progress", "0"]);
        return ProgramResult.Of(process);
    }
}
