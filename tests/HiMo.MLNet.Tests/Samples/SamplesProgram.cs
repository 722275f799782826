using System.Diagnostics;
using System.Text;
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

    public static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Assembly(), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";                           // tests run side by side
        return Process.Start(start)!;
    }

    public static Result Finish(Process process)
    {
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new(process.ExitCode, output, errors.Result);
    }

    // Both projects build into bin/CONFIGURATION/… below themselves.
    private static string Assembly()
    {
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "HiMo.MLNet.sln")))
            root = root.Parent ?? throw new DirectoryNotFoundException($"There is no HiMo.MLNet.sln above '{AppContext.BaseDirectory}'.");
        string built = Path.GetRelativePath(Path.Combine(root.FullName, "tests", "HiMo.MLNet.Tests"), AppContext.BaseDirectory);
        return Path.Combine(root.FullName, "src", "HiMo.MLNet.Samples", built, "himo-samples.dll");
    }
}
