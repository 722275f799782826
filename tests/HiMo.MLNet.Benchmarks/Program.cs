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
    case ["soak"]:
        return await SoakBenchmark.RunAsync(100_000, 10_000) ? 0 : 1;
    case ["soak", var predictions, var requests]:
        return await SoakBenchmark.RunAsync(Number(predictions), Number(requests)) ? 0 : 1;
    case ["stress"]:
        return StressBenchmark.Run(10, StressWork.Kinds) ? 0 : 1;
    case ["stress", var minutes, .. var kinds]:
        return StressBenchmark.Run(double.Parse(minutes, System.Globalization.CultureInfo.InvariantCulture), kinds.Length > 0 ? kinds : StressWork.Kinds) ? 0 : 1;
    case ["stress-work", var kind, var folder, var seconds]:
        StressWork.Run(kind, folder, double.Parse(seconds, System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    default:
        Console.Error.WriteLine("usage: HiMo.MLNet.Benchmarks [load float32|float16 | step BATCH MICROBATCH | soak [PREDICTIONS REQUESTS] | stress [MINUTES [KIND...]]]");
        return 2;
}

static int Number(string text) => int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

static void Run(params string[] arguments)
{
    using var process = Process.Start(Environment.ProcessPath!, arguments);
    process.WaitForExit();
}
