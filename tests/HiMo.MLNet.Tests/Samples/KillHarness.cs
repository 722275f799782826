using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>
/// Commands that are killed (SIGKILL, which no program can answer) at random moments, and what they leave: what was there
/// before, whole, or what they were to write, whole; and what goes on after it ends as if nothing had happened.
/// </summary>
internal sealed class KillHarness : IDisposable
{
    /// <summary>What can be killed.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["training", "saving", "evaluation", "embedding", "embedding job"];

    private readonly ToyImages _toys = new();
    private readonly Random _random;
    private readonly string _checkpoint, _table;

    /// <param name="seed">Of the moments.</param>
    public KillHarness(int seed)
    {
        _random = new Random(seed);
        _checkpoint = _toys.Checkpoint();
        _table = At("images.tsv");
        File.WriteAllLines(_table, ["ImagePath\tCaption", .. _toys.Rows.Select(row => $"{Path.GetFileName(row.ImagePath)}\t{row.Caption}")]);
    }

    /// <summary>What came of one kind.</summary>
    /// <param name="Kind">One of <see cref="Kinds"/>.</param>
    /// <param name="Kills">Processes killed.</param>
    /// <param name="Writing">Of those, in whose moment a file was half written.</param>
    /// <param name="Finished">Runs that ended by themselves, to go on from a kill or since the moment was too late.</param>
    /// <param name="Losses">What was lost; empty as it should be.</param>
    public sealed record Result(string Kind, int Kills, int Writing, int Finished, IReadOnlyList<string> Losses);

    public void Dispose() => _toys.Dispose();

    private string At(string name) => Path.Combine(_toys.Folder, name);

    /// <summary>Kills one kind so many times, and lets it finish after the last.</summary>
    public Result Run(string kind, int kills) => kind switch
    {
        "training" => Training(kills),
        "saving" => Saving(kills),
        "evaluation" => Evaluation(kills),
        "embedding job" => EmbeddingJob(kills),
        _ => Embedding(kills),
    };

    // A checkpoint after every epoch; killed again and again, until a run gets to the end.
    private Result Training(int kills)
    {
        string folder = At("checkpoints"), zip = At("trained.zip");
        string[] Train(string output, string checkpoints) =>
            ["train", "--data", _table, "--checkpoint", _checkpoint, "--epochs", "8", "--batch-size", "8", "--learning-rate", "1e-3", "--seed", "5", "--checkpoints", checkpoints, "--output", output];
        Finish(Train(At("undisturbed.zip"), At("undisturbed")));
        byte[] expected = Weights(At("undisturbed.zip")), older = [.. "older"u8];
        File.WriteAllBytes(zip, older);
        return Kill(kills, new("training", Train(zip, folder), folder,
            () => Whole(zip, older, path => Weights(path).AsSpan().SequenceEqual(expected)).Concat(Checkpoints(folder)),
            () =>
            {
                File.WriteAllBytes(zip, older);
                Directory.Delete(folder, recursive: true);
            }));
    }

    // Over an older model, which takes long enough to write: its vocabulary alone is 12 MB.
    private Result Saving(int kills)
    {
        string zip = At("saved.zip"), other = _toys.Checkpoint(seed: 12);
        string[] Save(string checkpoint, string output) => ["export", checkpoint, "--to", "mlnet", "--output", output];
        Finish(Save(other, At("expected.zip")));
        Finish(Save(_checkpoint, zip));
        byte[] expected = Weights(At("expected.zip")), older = File.ReadAllBytes(zip);
        return Kill(kills, new("saving", Save(other, zip), _toys.Folder,
            () => Whole(zip, older, path => Weights(path).AsSpan().SequenceEqual(expected)), () => File.WriteAllBytes(zip, older)));
    }

    private Result Evaluation(int kills)
    {
        string cache = At("cache"), json = At("figures.json");
        string[] Eval(string output, string folder) => ["eval", "--data", _table, "--model", _checkpoint, "--cache", folder, "--json", output];
        Finish(Eval(At("expected.json"), At("undisturbed-cache")));
        byte[] expected = File.ReadAllBytes(At("expected.json")), older = [.. "older"u8];
        File.WriteAllBytes(json, older);
        return Kill(kills, new("evaluation", Eval(json, cache), cache,
            () => Whole(json, older, path => File.ReadAllBytes(path).AsSpan().SequenceEqual(expected)),
            () =>
            {
                File.WriteAllBytes(json, older);
                Directory.Delete(cache, recursive: true);
            }));
    }

    private Result Embedding(int kills)
    {
        string list = At("list.txt"), output = At("embeddings.tsv");
        File.WriteAllLines(list, Enumerable.Repeat(_toys.Rows.Select(row => row.ImagePath), 20).SelectMany(paths => paths));
        string[] Embed(string file) => ["embed", "--model", _checkpoint, "--images", list, "--output", file];
        Finish(Embed(At("expected.tsv")));
        byte[] expected = File.ReadAllBytes(At("expected.tsv")), older = [.. "older"u8];
        File.WriteAllBytes(output, older);
        return Kill(kills, new("embedding", Embed(output), _toys.Folder,
            () => Whole(output, older, path => File.ReadAllBytes(path).AsSpan().SequenceEqual(expected)), () => File.WriteAllBytes(output, older)));
    }

    // Into a folder: what is there is there once, and is gone past; at the end all of it is.
    private Result EmbeddingJob(int kills)
    {
        const int copies = 20;
        string images = Directory.CreateDirectory(At("copies")).FullName, folder = At("parts");
        for (int i = 0; i < copies * _toys.Rows.Count; i++)
        {
            File.Copy(_toys.Rows[i % _toys.Rows.Count].ImagePath, Path.Combine(images, $"{i:d4}.png"));
        }

        IEnumerable<string> Rows(bool all)
        {
            (long rows, long images) = EmbeddedTable.Count(folder);
            if (rows != images || (all && rows != copies * _toys.Rows.Count))
            {
                yield return $"{rows} rows of {images} images, of {copies * _toys.Rows.Count}";
            }
        }

        string[] arguments = ["embed", "--model", _checkpoint, "--images", images, "--output", folder, "--rows-per-file", "16"];
        return Kill(kills, new("embedding job", arguments, folder, () => Rows(all: false), () => Directory.Delete(folder, recursive: true))
        {
            Missing = () => Rows(all: true),
        });
    }

    private sealed record Killed(string Kind, string[] Arguments, string Watched, Func<IEnumerable<string>> Losses, Action Reset)
    {
        /// <summary>What is not there when it has ended.</summary>
        public Func<IEnumerable<string>> Missing { get; init; } = () => [];
    }

    private Result Kill(int kills, Killed job)
    {
        List<string> losses = [];
        int killed = 0, writing = 0, finished = 0;
        TimeSpan whole = TimeSpan.FromSeconds(1), tail = TimeSpan.FromSeconds(1);
        for (bool last = false; losses.Count == 0 && !last;)
        {
            last = killed == kills;                                           // to its end
            DateTime start = DateTime.UtcNow;
            var clock = Stopwatch.StartNew();
            using Process process = HimoProgram.Start(job.Arguments);
            Task<string> errors = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
            // Half of the moments anywhere in the run, half after it has begun to write.
            TimeSpan begun = TimeSpan.Zero;
            if (_random.Next(2) == 0)
            {
                DateTime before = LastWrite(job.Watched);
                while (LastWrite(job.Watched) == before && !process.HasExited)
                {
                    Thread.Sleep(1);
                }

                begun = clock.Elapsed;
            }

            TimeSpan wait = _random.NextDouble() * (begun > TimeSpan.Zero ? tail : whole);
            bool ended = last ? process.WaitForExit(TimeSpan.FromMinutes(10)) : process.WaitForExit(wait);
            process.Kill();
            process.WaitForExit();
            Task.WaitAll(errors, output);
            if (!ended)
            {
                killed++;
                writing += Directory.EnumerateFiles(_toys.Folder, "*.partial", SearchOption.AllDirectories).Any(file => File.GetLastWriteTimeUtc(file) > start) ? 1 : 0;
                losses.AddRange(job.Losses());
                continue;
            }

            // How long it takes is learnt as it goes.
            whole = clock.Elapsed;
            tail = begun > TimeSpan.Zero ? whole - begun : tail;
            losses.AddRange([.. job.Losses(), .. job.Missing()]);
            if (process.ExitCode != 0 || errors.Result.Contains("himo:", StringComparison.Ordinal))
            {
                losses.Add($"exit code {process.ExitCode}: {errors.Result}");
            }

            finished++;
            job.Reset();
        }

        return new(job.Kind, killed, writing, finished, [.. losses.Select(loss => $"{job.Kind} after {killed} kills: {loss}")]);
    }

    private static DateTime LastWrite(string folder) =>
        Directory.Exists(folder) ? Directory.EnumerateFileSystemEntries(folder).Select(File.GetLastWriteTimeUtc).DefaultIfEmpty().Max() : default;

    private static IEnumerable<string> Whole(string path, byte[] older, Func<string, bool> isExpected)
    {
        if (!File.Exists(path))
        {
            yield return $"'{path}' is gone";
        }
        else if (!File.ReadAllBytes(path).AsSpan().SequenceEqual(older) && !IsExpected())
        {
            yield return $"'{path}' is neither the older file nor the new one";
        }

        bool IsExpected()
        {
            try
            {
                return isExpected(path);
            }
            catch (Exception e) when (e is IOException or InvalidDataException or JsonException)
            {
                return false;
            }
        }
    }

    private static IEnumerable<string> Checkpoints(string folder)
    {
        foreach (string file in Directory.Exists(folder) ? Directory.GetFiles(folder, "step-*.safetensors") : [])
        {
            string? error = null;
            try
            {
                _ = ClipCheckpoint.Inspect(file);
            }
            catch (Exception e) when (e is IOException or CheckpointFormatException)
            {
                error = e.Message;
            }

            if (error is not null)
            {
                yield return error;
            }
        }
    }

    private static byte[] Weights(string zip)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        using Stream weights = archive.Entries.Single(entry => entry.FullName.EndsWith(ModelArchive.WeightsEntry, StringComparison.Ordinal)).Open();
        using var bytes = new MemoryStream();
        weights.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static void Finish(string[] arguments)
    {
        ProgramResult result = HimoProgram.Run(arguments);
        if (result.ExitCode != 0)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"exit code {result.ExitCode}: {result.Errors}"));
        }
    }
}
