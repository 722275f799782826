using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace HiMo.MLNet.Training;

/// <summary>Whether this machine's processor multiplies matrices of 16-bit numbers itself; without, libtorch emulates them.</summary>
internal static class HalfPrecisionUnits
{
    /// <returns>False where it certainly does not; true where it does or that cannot be told.</returns>
    public static bool Exist(TrainingPrecision precision)
    {
        if (precision == TrainingPrecision.Float32)
        {
            return true;
        }

        if (X86Base.IsSupported)
        {
            (int sublevels, _, _, int edx) = X86Base.CpuId(7, 0);
            return X86(precision, edx, sublevels >= 1 ? X86Base.CpuId(7, 1).Eax : 0);
        }

        return RuntimeInformation.ProcessArchitecture != Architecture.Arm64 || !OperatingSystem.IsLinux()
            || Arm(precision, File.ReadLines("/proc/cpuinfo"));
    }

    /// <summary>By leaf 7 of CPUID (Intel's and AMD's manuals).</summary>
    /// <param name="precision">BFloat16 or Float16.</param>
    /// <param name="edx0">EDX of subleaf 0: bit 22 AMX-BF16, bit 23 AVX512-FP16.</param>
    /// <param name="eax1">EAX of subleaf 1: bit 5 AVX512-BF16, bit 21 AMX-FP16.</param>
    internal static bool X86(TrainingPrecision precision, int edx0, int eax1) => precision == TrainingPrecision.BFloat16
        ? (edx0 & (1 << 22)) != 0 || (eax1 & (1 << 5)) != 0
        : (edx0 & (1 << 23)) != 0 || (eax1 & (1 << 21)) != 0;

    /// <summary>By the features that Linux lists.</summary>
    internal static bool Arm(TrainingPrecision precision, IEnumerable<string> cpuInfo)
    {
        string? features = cpuInfo.FirstOrDefault(line => line.StartsWith("Features", StringComparison.Ordinal));
        return features is null || features.Split(' ').Contains(precision == TrainingPrecision.BFloat16 ? "bf16" : "asimdhp");
    }
}
