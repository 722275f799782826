using System.CommandLine;
using System.Reflection;
using Microsoft.ML;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace HiMo.MLNet.Cli;

/// <summary>The ML.NET context of a command: its device, and its warnings on the standard error.</summary>
internal static class Context
{
    public static Option<bool> Gpu { get; } = new("--gpu") { Description = "Compute on the first CUDA GPU." };

    /// <exception cref="InvalidOperationException">A GPU is asked for and there is none to compute on.</exception>
    public static void RequireGpu(bool gpu)
    {
        if (gpu && !torch.cuda.is_available())
        {
            string built = typeof(Context).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
                .Single(m => m.Key == "TorchBackend").Value!;
            string cuda = OperatingSystem.IsWindows() ? "cuda-windows" : "cuda-linux";
            throw new InvalidOperationException(built == "cpu"
                ? $"--gpu: this build computes on the CPU alone (package TorchSharp-cpu). "
                    + $"Build it with -p:TorchBackend={cuda}, which takes TorchSharp-{cuda}."
                : $"--gpu: this build has CUDA (package TorchSharp-{built}), but torch sees no CUDA GPU. Is its driver installed?");
        }
    }

    /// <exception cref="InvalidOperationException">A GPU is asked for and there is none to compute on.</exception>
    public static MLContext Create(bool gpu, int? seed = null)
    {
        RequireGpu(gpu);
        var mlContext = new MLContext(seed) { GpuDeviceId = gpu ? 0 : null, FallbackToCpu = false };
        mlContext.Log += (_, entry) =>
        {
            if (entry.Kind == ChannelMessageKind.Warning)
            {
                ProgressDisplay.Warn("warning: " + entry.RawMessage);
            }
        };
        return mlContext;
    }
}
