using System.Diagnostics;
using System.Text.Json;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>What a run of a program left behind.</summary>
internal sealed record ProgramResult(int ExitCode, string Output, string Errors)
{
    /// <summary>The standard output as one JSON document: anything else there fails the test.</summary>
    public JsonElement Json => ExitCode == 0 ? JsonDocument.Parse(Output).RootElement : throw new InvalidOperationException(Errors);

    /// <summary>Waits for the end of a program.</summary>
    public static ProgramResult Of(Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, errors.Result);
    }
}
