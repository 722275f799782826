using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using TorchSharp;

namespace HiMo.MLNet.Modeling;

/// <summary>The native torch library and its devices.</summary>
internal static class TorchRuntime
{
    /// <summary>The device that a pipeline asks for.</summary>
    /// <exception cref="InvalidOperationException">There is no native torch library, or no such GPU and no leave to fall back.</exception>
    public static torch.Device ChooseDevice(DeviceChoice choice)
    {
        int gpus = CountGpus();
        if (choice.Gpu is not { } id)
        {
            return torch.CPU;
        }

        if (id >= 0 && id < gpus)
        {
            return new torch.Device(DeviceType.CUDA, id);
        }

        return choice.FallbackToCpu
            ? torch.CPU
            : throw new InvalidOperationException(choice.Name is { } name
                ? $"The device '{name}' was asked for, but {Found(gpus)}"
                : $"MLContext.GpuDeviceId is {id}, but {Found(gpus)} Set MLContext.FallbackToCpu, or GpuDeviceId to null, to run on the "
                + $"CPU.");
    }

    /// <summary>The devices to train on: those of the list, or without one the device of the context.</summary>
    /// <param name="choice">Whose <c>FallbackToCpu</c> lets the CPU stand in for GPUs that are not there.</param>
    /// <param name="names"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c> each; null for the device of the context.</param>
    /// <exception cref="InvalidOperationException">There is no native torch library, or no such GPU and no leave to fall back.</exception>
    /// <exception cref="ArgumentException">A name is no device's.</exception>
    public static IReadOnlyList<torch.Device> ChooseDevices(DeviceChoice choice, IReadOnlyList<string>? names)
    {
        if (names is null)
        {
            return [ChooseDevice(choice)];
        }

        int gpus = CountGpus();
        var devices = new List<torch.Device>();
        foreach (string name in names)
        {
            int? gpu = Parse(name, $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Devices)}");
            if (gpu is null)
            {
                devices.Add(torch.CPU);
            }
            else if (gpu < gpus)
            {
                devices.Add(new torch.Device(DeviceType.CUDA, gpu.Value));
            }
            else if (!choice.FallbackToCpu)
            {
                throw new InvalidOperationException(
                    $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Devices)} has '{name}', but {Found(gpus)} "
                    + "Set MLContext.FallbackToCpu to train on those that there are, or on the CPU.");
            }
        }

        return devices.Count > 0 ? devices : [torch.CPU];
    }

    private static int? Parse(string name, string argument) => name switch
    {
        "cpu" => null,
        "cuda" => 0,
        _ when name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int id) => id,
        _ => throw new ArgumentException($"{argument}: expected 'cpu', 'cuda' or 'cuda:N'; found '{name}'."),
    };

    /// <summary>Why torch sees no CUDA device: a build of libtorch for CPUs has no part for GPUs.</summary>
    public static string WhyNoGpu()
    {
        string? folder = Process.GetCurrentProcess().Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .Where(file => Path.GetFileName(file).Contains("torch_cpu", StringComparison.Ordinal)).Select(Path.GetDirectoryName)
            .FirstOrDefault();
        return folder is null || Directory.EnumerateFiles(folder, "*torch_cuda*").Any() ? "torch sees no CUDA device."
            : $"the native torch library in '{folder}' is the build for CPUs. For a GPU, the application needs the package "
                + "TorchSharp-cuda-windows or TorchSharp-cuda-linux in the place of TorchSharp-cpu.";
    }

    private static string Found(int gpus) => gpus == 0 ? WhyNoGpu() : $"torch sees {gpus} CUDA devices.";

    /// <summary>
    /// Whether the application carries the native torch library. Looks for its file: TorchSharp, asked to load it, would take one out of
    /// NuGet's cache and copy half a gigabyte beside an application that has none.
    /// </summary>
    public static bool IsAvailable { get; } = NativeFolders().Any(folder => Directory.Exists(folder)
        && Directory.EnumerateFiles(folder, "*torch_cpu*").Any());

    private static IEnumerable<string> NativeFolders() =>
    [
        AppContext.BaseDirectory,
        Path.Combine(AppContext.BaseDirectory, "runtimes", RuntimeInformation.RuntimeIdentifier, "native"),
        .. (AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
    ];

    /// <summary>A device by its name, without a look at what there is: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    /// <exception cref="ArgumentException">The name is no device's.</exception>
    public static DeviceChoice Named(string name) => new(Parse(name, "device"), FallbackToCpu: false, name);

    private static int CountGpus()
    {
        try
        {
            return torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException
            or EntryPointNotFoundException)
        {
            throw new InvalidOperationException(
                "The native torch library could not be loaded. The application needs one of the packages TorchSharp-cpu, "
                + "TorchSharp-cuda-windows or TorchSharp-cuda-linux, "
                + $"in the version of TorchSharp that it uses ({typeof(torch).Assembly.GetName().Version?.ToString(3)}).", e);
        }
    }
}
