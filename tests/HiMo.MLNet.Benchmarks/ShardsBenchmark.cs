using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Data;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Data;
using HiMo.MLNet.Tests.Images;
using HiMo.MLNet.Tests.Samples;
using static TorchSharp.torch;

namespace HiMo.MLNet.Benchmarks;

/// <summary>Shards of many small drawings: how fast one core reads them, and a job that embeds them, killed and resumed, with its memory.</summary>
internal static class ShardsBenchmark
{
    private const int ImagesPerShard = 10_000, Side = 8;

    /// <param name="images">In all shards.</param>
    public static void Read(int images)
    {
        string folder = Directory.CreateTempSubdirectory("himo-shards").FullName;
        try
        {
            WriteShards(folder, images);
            string[] files = Directory.GetFiles(folder);
            double megabytes = files.Sum(file => new FileInfo(file).Length) / 1e6;
            byte[] buffer = new byte[1 << 20];
            double plain = Seconds(() =>
            {
                foreach (string file in files)
                {
                    using FileStream stream = File.OpenRead(file);
                    while (stream.Read(buffer) > 0)
                    {
                    }
                }
            });
            DataSet set = DataSets.Open($"webdataset:{folder}");
            long bytes = 0;
            double captions = Seconds(() => set.Count(image => image.Captions.Count > 0)), all = Seconds(() => bytes = set.Sum(image => (long)image.Encoded!().Length));
            Print($"{images} drawings of {Side} x {Side} in {files.Length} tar files, {megabytes:f0} MB, one thread");
            Print($"the files alone        {megabytes / plain,10:f0} MB/s");
            Print($"captions               {images / captions,10:f0} a second");
            Print($"captions and images    {images / all,10:f0} a second, {bytes / (double)images:f0} bytes each");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Embeds drawings by <c>himo embed</c> into Parquet files, kills it at random moments, and counts by DuckDB what is there.</summary>
    /// <param name="images">How many.</param>
    /// <param name="kills">How often.</param>
    /// <returns>Whether every row is there once, and memory stayed flat.</returns>
    public static bool Job(int images, int kills)
    {
        string folder = Directory.CreateTempSubdirectory("himo-job").FullName;
        try
        {
            string shards = Directory.CreateDirectory(Path.Combine(folder, "shards")).FullName, parts = Path.Combine(folder, "parts"), model = Path.Combine(folder, "model.safetensors");
            WriteShards(shards, images);
            WriteModel(model);
            Print($"{images} drawings, {kills} kills");
            List<long> peaks = [];
            var clock = Stopwatch.StartNew();
            long before = 0;
            for (int killed = 0; ; killed++)
            {
                using Process process = HimoProgram.Start("embed", "--model", model, "--data", $"webdataset:{shards}", "--output", parts);
                Task<string> errors = process.StandardError.ReadToEndAsync(), output = process.StandardOutput.ReadToEndAsync();
                // So much further than the last time, and some part of a file.
                long until = killed < kills ? (long)((killed + Random.Shared.NextDouble()) * images / Math.Max(kills, 1)) : long.MaxValue;
                peaks.AddRange(Watch(process, parts, until));
                if (killed == kills)
                {
                    Task.WaitAll(errors, output);
                    Console.WriteLine(output.Result + errors.Result);
                    break;
                }

                process.Kill();
                process.WaitForExit();
                (long rows, long different) = EmbeddedTable.Count(parts);
                if (rows != different || rows < before)
                {
                    Print($"LOST: {rows} rows of {different} images after kill {killed + 1}, {before} before");
                    return false;
                }

                before = rows;
            }

            (long all, long once) = EmbeddedTable.Count(parts);
            Print($"{all} rows of {once} images after {clock.Elapsed.TotalMinutes:f1} minutes, {all / clock.Elapsed.TotalSeconds:f0} a second");
            return IsFlat(peaks) && all == images && once == images;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Resident memory, every quarter of a second; the process is left when so many images are there, or when it has ended.
    private static IEnumerable<long> Watch(Process process, string parts, long until)
    {
        var pause = TimeSpan.FromMilliseconds(250);
        while (!process.WaitForExit(pause))
        {
            process.Refresh();
            yield return process.WorkingSet64;
            if (until < long.MaxValue && Directory.Exists(parts)
                && Directory.EnumerateFiles(parts, "*.parquet").LongCount() * ImagesPerShard / 2 >= until)
            {
                yield break;
            }
        }
    }

    private static bool IsFlat(List<long> samples)
    {
        foreach (long[] tenth in samples.Chunk((samples.Count + 9) / 10))
        {
            Print($"{tenth.Max() / 1e6,8:f0} MB");
        }

        // What comes before the first files is the start.
        long first = samples.Skip(samples.Count / 10).Take(samples.Count / 2).Max(), second = samples.Skip(samples.Count / 2).Max();
        bool flat = second <= 1.1 * first;
        Print($"{(flat ? "flat" : "NOT FLAT")}: the second half holds {second / 1e6:f0} MB at most, the first {first / 1e6:f0} MB");
        return flat;
    }

    private static void WriteShards(string folder, int images)
    {
        foreach ((int shard, int[] some) in Enumerable.Range(0, images).Chunk(ImagesPerShard).Index())
        {
            Shards.Tar(Path.Combine(folder, $"{shard:d5}.tar"), [.. some.SelectMany(i => ((string, byte[])[])
                [($"{i:d9}.png", Drawing(i)), ($"{i:d9}.txt", Shards.Utf8($"Drawing number {i}."))])]);
        }
    }

    private static byte[] Drawing(int seed)
    {
        byte[][] rows = [.. Enumerable.Range(0, Side).Select(y => new byte[3 * Side])];
        new Random(seed).NextBytes(rows[seed % Side]);
        return PngFile.Create(Side, 8, 2, rows);
    }

    // Nearly nothing to compute: what is left is reading, writing and the way between.
    private static void WriteModel(string path)
    {
        using var model = new ClipModel(new(64, Side, [1], 64, Side, 64, 1));
        using (var generator = new Generator(1))
        {
            model.Initialize(generator);
        }

        using FileStream file = File.Create(path);
        ClipWeights.Save(model, file);
    }

    private static double Seconds(Action work)
    {
        var clock = Stopwatch.StartNew();
        work();
        return clock.Elapsed.TotalSeconds;
    }

    private static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
