using System.Diagnostics;
using HiMo.MLNet.Benchmarks;
using HiMo.MLNet.Benchmarks.Stress;

// Each measurement runs in a process of its own, so that peak memory is its own too.
switch (args)
{
    case []:
        Run("load", "float32");
        Run("load", "float16");
        foreach ((string batch, string micro) in ((string, string)[])[("256", "256"), ("256", "64"), ("256", "16"), ("1024", "64")])
        {
            Run("step", batch, micro);
        }

        return 0;
    case ["load", var type]:
        LoadBenchmark.Run(type);
        return 0;
    case ["step", var batch, var micro]:
        StepBenchmark.Run(Number(batch), Number(micro));
        return 0;
    case ["speed"]:
        SpeedBenchmark.Run(null);
        return 0;
    case ["speed", "--json", var file]:
        SpeedBenchmark.Run(file);
        return 0;
    case ["original"]:
        OriginalBenchmark.Run("python3");
        return 0;
    case ["original", var python]:
        OriginalBenchmark.Run(python);
        return 0;
    case ["curves", var checkpoint, .. var rest] when rest.Length <= 2:
        CurvesBenchmark.Run(checkpoint, rest.Length > 0 ? Number(rest[0]) : 200, rest.Length > 1 ? rest[1] : "python3");
        return 0;
    case ["search"]:
        SearchBenchmark.Search(1_000_000);
        return 0;
    case ["search", var images]:
        SearchBenchmark.Search(Number(images));
        return 0;
    case ["ranks"]:
        SearchBenchmark.Ranks(20_000, 100_000);
        return 0;
    case ["ranks", var images, var texts]:
        SearchBenchmark.Ranks(Number(images), Number(texts));
        return 0;
    case ["zip"]:
        ZipBenchmark.Run();
        return 0;
    case ["files"]:
        FilesBenchmark.Run(64);
        return 0;
    case ["files", "write", var folder]:
        FilesBenchmark.Write(folder, 64);
        return 0;
    case ["files", var images]:
        FilesBenchmark.Run(Number(images));
        return 0;
    case ["shards", .. var images] when images.Length <= 1:
        ShardsBenchmark.Read(images is [var count] ? Number(count) : 20_000);
        return 0;
    case ["job", .. var sizes] when sizes.Length <= 2:
        return ShardsBenchmark.Job(sizes.Length > 0 ? Number(sizes[0]) : 1_000_000, sizes.Length > 1 ? Number(sizes[1]) : 20) ? 0 : 1;
    case ["engines", .. var sizes] when sizes.Length <= 2:
        EnginesBenchmark.Run(sizes.Length > 0 ? Number(sizes[0]) : 100_000, sizes.Length > 1 ? Number(sizes[1]) : 512);
        return 0;
    case ["precision"]:
        PrecisionBenchmark.Run(null);
        return 0;
    case ["precision", var checkpoint]:
        PrecisionBenchmark.Run(checkpoint);
        return 0;
    case ["soak", .. var sizes] when sizes.Length <= 4:
        int[] counts = [.. sizes.Select(Number), .. ((int[])[100_000, 10_000, 5_000, 300])[sizes.Length..]];
        return await SoakBenchmark.RunAsync(counts[0], counts[1], counts[2], counts[3]) ? 0 : 1;
    case ["stress"]:
        return StressBenchmark.Run(10, StressWork.Kinds) ? 0 : 1;
    case ["stress", var minutes, .. var kinds]:
        return StressBenchmark.Run(double.Parse(minutes, System.Globalization.CultureInfo.InvariantCulture), kinds.Length > 0 ? kinds : StressWork.Kinds) ? 0 : 1;
    case ["stress-work", var kind, var folder, var seconds]:
        StressWork.Run(kind, folder, double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    case ["web"]:
        return await WebBenchmark.RunAsync(30) ? 0 : 1;
    case ["web", var minutes]:
        return await WebBenchmark.RunAsync(double.Parse(minutes, System.Globalization.CultureInfo.InvariantCulture)) ? 0 : 1;
    case ["kills"]:
        return KillsBenchmark.Run(200, Environment.TickCount) ? 0 : 1;
    case ["kills", var kills]:
        return KillsBenchmark.Run(Number(kills), Environment.TickCount) ? 0 : 1;
    case ["kills", var kills, var seed]:
        return KillsBenchmark.Run(Number(kills), Number(seed)) ? 0 : 1;
    case ["rank-kills"]:
        return RankKillsBenchmark.Run(10, Environment.TickCount) ? 0 : 1;
    case ["rank-kills", var kills]:
        return RankKillsBenchmark.Run(Number(kills), Environment.TickCount) ? 0 : 1;
    case ["rank-kills", var kills, var seed]:
        return RankKillsBenchmark.Run(Number(kills), Number(seed)) ? 0 : 1;
    case ["share-checkpoints", var images, var checkpoints, var weights]:
        HiMo.MLNet.Tests.Training.SharedTraining.ShareCheckpoints(images, checkpoints, weights);
        return 0;
    case ["scaling", var teraflops, var gigabytes]:
        ScalingBenchmark.Run(Real(teraflops), Real(gigabytes), null);
        return 0;
    case ["scaling", var teraflops, var gigabytes, var objective]:
        ScalingBenchmark.Run(Real(teraflops), Real(gigabytes), Real(objective));
        return 0;
    case ["scaling-sums"]:
        ScalingBenchmark.Sums();
        return 0;
    default:
        Console.Error.WriteLine("usage: HiMo.MLNet.Benchmarks [speed [--json FILE] | original [PYTHON] | curves CHECKPOINT [STEPS [PYTHON]] | search [IMAGES] | ranks [IMAGES CAPTIONS] | zip | files [IMAGES | write FOLDER] | shards [IMAGES] | job [IMAGES [KILLS]] | engines [IMAGES [DIMENSION]] | precision [MODEL] | load float32|float16 | step BATCH MICROBATCH | soak [PREDICTIONS [REQUESTS [STEPS [CYCLES]]]] | web [MINUTES] | kills [COUNT [SEED]] | rank-kills [COUNT [SEED]] | scaling TERAFLOPS GIGABYTES [OBJECTIVE] | scaling-sums | stress [MINUTES [KIND...]]]");
        return 2;
}

static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

static double Real(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

static void Run(params string[] arguments)
{
    using var process = Process.Start(Environment.ProcessPath!, arguments);
    process.WaitForExit();
}
