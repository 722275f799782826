using HiMo.MLNet.Interop;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace HiMo.MLNet.Modeling;

/// <summary>The native torch library and its devices.</summary>
internal static class TorchRuntime
{
    /// <summary>The device that <c>MLContext.GpuDeviceId</c> and <c>FallbackToCpu</c> ask for.</summary>
    /// <exception cref="InvalidOperationException">There is no native torch library, or no such GPU and no leave to fall back.</exception>
    public static torch.Device ChooseDevice(IHostEnvironment environment)
    {
        bool hasCuda;
        int gpus;
        try
        {
            hasCuda = torch.cuda.is_available();
            gpus = hasCuda ? torch.cuda.device_count() : 0;
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException or EntryPointNotFoundException)
        {
            throw new InvalidOperationException(
                "The native torch library could not be loaded. The application needs one of the packages TorchSharp-cpu, TorchSharp-cuda-windows or TorchSharp-cuda-linux, "
                + $"in the version of TorchSharp that it uses ({typeof(torch).Assembly.GetName().Version?.ToString(3)}).", e);
        }
        if (MLNetInternals.GpuDeviceId(environment) is not { } id)
            return torch.CPU;
        if (hasCuda && id >= 0 && id < gpus)
            return new torch.Device(DeviceType.CUDA, id);
        return MLNetInternals.FallbackToCpu(environment)
            ? torch.CPU
            : throw new InvalidOperationException(
                $"MLContext.GpuDeviceId is {id}, but torch sees {gpus} CUDA devices. Set MLContext.FallbackToCpu, or GpuDeviceId to null, to run on the CPU.");
    }
}
