using System.Diagnostics;
using System.Globalization;

namespace HiMo.MLNet.Tests.Training;

/// <summary>Kills one rank of a training at random moments, and resumes it until it ends.</summary>
/// <param name="program">The assembly whose first arguments are <c>share-checkpoints IMAGES CHECKPOINTS WEIGHTS</c>.</param>
/// <param name="launcher">Of <see cref="MpiRun"/>.</param>
/// <param name="ranks">How many.</param>
/// <param name="random">Chooses moments and ranks.</param>
internal sealed class RankKillHarness(string program, string launcher, int ranks, Random random) : IDisposable
{
    private readonly ToyImages _images = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("himo-ranks").FullName;

    /// <summary>What was killed, and when.</summary>
    /// <param name="Rank">Of those that told their process, by its place.</param>
    /// <param name="Step">The last one that rank 0 had told.</param>
    /// <param name="Ended">How long until the launcher and all ranks had ended.</param>
    public sealed record Kill(int Rank, int Step, TimeSpan Ended);

    private string Weights => Path.Combine(_folder, "weights.safetensors");

    /// <summary>A training that nobody disturbs.</summary>
    public byte[] Undisturbed() => Finish("undisturbed");

    /// <summary>The killed training's last run, to its end.</summary>
    public byte[] Resumed() => Finish("checkpoints");

    private byte[] Finish(string checkpoints)
    {
        using Process process = Start(checkpoints);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        _ = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? File.ReadAllBytes(Weights)
            : throw new InvalidOperationException($"{launcher} ended with {process.ExitCode}: {errors.Result}");
    }

    private Process Start(string checkpoints) =>
        MpiRun.Start(launcher, ranks, program, "share-checkpoints", _images.Folder, Path.Combine(_folder, checkpoints), Weights);

    /// <summary>Starts or resumes the training, and kills a rank after so many further steps, or while they start.</summary>
    /// <param name="steps">The steps to wait for; the kill falls into the one after them.</param>
    public Kill KillOne(int steps)
    {
        using Process process = Start("checkpoints");
        Task<string> errors = process.StandardError.ReadToEndAsync();
        List<int> processes = [];
        int step = 0;
        while ((processes.Count < ranks || steps > 0) && process.StandardOutput.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            if (words[0].EndsWith("process", StringComparison.Ordinal))
            {
                processes.Add(int.Parse(words[1], CultureInfo.InvariantCulture));
            }
            else if (words[0] == "step")
            {
                (step, steps) = (int.Parse(words[1], CultureInfo.InvariantCulture), steps - 1);
            }
        }

        int rank = random.Next(processes.Count);
        Process[] all = [.. processes.Select(Process.GetProcessById)];
        var clock = Stopwatch.StartNew();
        all[rank].Kill();
        _ = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Array.ForEach(all, other => other.WaitForExit());
        Assert(process.ExitCode != 0, $"{launcher} ended with 0 after a kill: {errors.Result}");
        return new(rank, step, clock.Elapsed);
    }

    private static void Assert(bool condition, string message)
    {
        if (!condition)
        {
            throw new InvalidOperationException(message);
        }
    }

    public void Dispose()
    {
        _images.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
