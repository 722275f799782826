using System.Diagnostics;
using System.Text.Json;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The samples program, built beside the tests and run as a process of its own, as a user runs it.</summary>
internal static class SamplesProgram
{
    /// <summary>What a run left behind.</summary>
    public sealed record Result(int ExitCode, string Output, string Errors)
    {
        /// <summary>The standard output as one JSON document: anything else there fails the test.</summary>
        public JsonElement Json => ExitCode == 0 ? JsonDocument.Parse(Output).RootElement : throw new InvalidOperationException(Errors);
    }

    public static Result Run(params string[] arguments)
    {
        using Process process = Start(arguments);
        return Finish(process);
    }

    public static Process Start(params string[] arguments) => BuiltProgram.Start("src/HiMo.MLNet.Samples", "himo-samples.dll", null, arguments);

    public static Result Finish(Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, errors.Result);
    }
}
