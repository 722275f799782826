using System.Diagnostics;
using HiMo.MLNet.Benchmarks;

// Each measurement runs in a process of its own, so that peak memory is its own too.
switch (args)
{
    case []:
        Run("load", "float32");
        Run("load", "float16");
        foreach (string micro in (string[])["256", "64", "16"])
            Run("step", micro);
        return 0;
    case ["load", var type]:
        LoadBenchmark.Run(type);
        return 0;
    case ["step", var micro]:
        StepBenchmark.Run(int.Parse(micro, System.Globalization.CultureInfo.InvariantCulture));
        return 0;
    default:
        Console.Error.WriteLine("usage: HiMo.MLNet.Benchmarks [load float32|float16 | step MICROBATCH]");
        return 2;
}

static void Run(params string[] arguments)
{
    using Process process = Process.Start(Environment.ProcessPath!, arguments);
    process.WaitForExit();
}
