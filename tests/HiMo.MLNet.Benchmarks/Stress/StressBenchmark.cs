using System.Diagnostics;
using System.Globalization;

namespace HiMo.MLNet.Benchmarks.Stress;

/// <summary>
/// Whether garbage collections change what the library computes. Every kind of work runs in processes of its own, first
/// calmly, then fully optimised (which shortens lifetimes), with a tiny youngest generation and a thread that collects
/// without pause. Results must be the same bit for bit.
/// </summary>
internal static class StressBenchmark
{
    /// <summary>A process that has not ended so long after its time is up hangs.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    private sealed record Outcome(List<(int Variant, string Result)> Results, bool Crashed, string Errors);

    /// <param name="minutes">How long in all; every variant of every kind runs once at least.</param>
    /// <param name="kinds">Of <see cref="StressWork.Kinds"/>.</param>
    /// <returns>Whether no process crashed and no result differed.</returns>
    public static bool Run(double minutes, IReadOnlyList<string> kinds)
    {
        string folder = Directory.CreateTempSubdirectory("himo-stress").FullName;
        try
        {
            StressWork.Prepare(folder);
            Console.WriteLine($"{"kind",-12}{"runs",8}{"collections",14}{"differing",12}{"crashed",10}");
            bool sound = true;
            foreach (string kind in kinds)
            {
                sound &= RunKind(kind, folder, TimeSpan.FromMinutes(minutes / kinds.Count));
            }

            Console.WriteLine(sound ? "No result differs, no process crashed." : "NOT SOUND");
            return sound;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static bool RunKind(string kind, string folder, TimeSpan time)
    {
        Outcome calm = Start(kind, folder, TimeSpan.Zero, collections: null);
        if (calm.Crashed)
        {
            Console.WriteLine($"{kind,-12}fails calmly: {calm.Errors}");
            return false;
        }

        var expected = calm.Results.ToDictionary(r => r.Variant, r => r.Result);
        string collections = Directory.CreateDirectory(Path.Combine(folder, $"{kind}-collections")).FullName;
        var clock = Stopwatch.StartNew();
        int runs = 0, differing = 0, crashed = 0;
        do
        {
            Outcome stressed = Start(kind, folder, time > clock.Elapsed ? time - clock.Elapsed : TimeSpan.Zero, collections);
            runs += stressed.Results.Count;
            differing += stressed.Results.Count(r => r.Result != expected[r.Variant]);
            if (stressed.Crashed)
            {
                crashed++;
                Console.WriteLine($"{kind}, run {runs + 1}: {stressed.Errors}");
            }
        }
        while (clock.Elapsed < time);

        long count = Directory.EnumerateFiles(collections).Sum(file => long.TryParse(File.ReadAllText(file), out long n) ? n : 0);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind,-12}{runs,8}{count,14:n0}{differing,12}{crashed,10}"));
        return differing == 0 && crashed == 0;
    }

    // A process that works for a time; calm without a folder for the collections.
    private static Outcome Start(string kind, string folder, TimeSpan time, string? collections)
    {
        string self = typeof(StressBenchmark).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [self, "stress-work", kind, folder, time.TotalSeconds.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["OMP_NUM_THREADS"] = "1" },
        };
        if (collections is not null)
        {
            start.Environment["DOTNET_TieredCompilation"] = "0";
            start.Environment["DOTNET_TieredPGO"] = "0";
            start.Environment["DOTNET_GCgen0size"] = "0x40000";
            start.Environment["DOTNET_STARTUP_HOOKS"] = self;
            start.Environment[StartupHook.FolderVariable] = collections;
        }

        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(time + s_patience);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
        }

        process.WaitForExit();
        bool crashed = !ended || process.ExitCode != 0;
        List<(int, string)> results = [.. output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line.StartsWith(StressWork.ResultMark, StringComparison.Ordinal)).Select(line => line.TrimEnd().Split(' '))
            .Where(parts => parts.Length == 3).Select(parts => (int.Parse(parts[1], CultureInfo.InvariantCulture), parts[2]))];
        return new(results, crashed, crashed ? $"{(ended ? $"exit code {process.ExitCode}" : "it hangs")}\n{errors.Result}" : "");
    }
}
