using HiMo.MLNet.Training;

namespace HiMo.MLNet.Tests.Training;

public sealed class HalfPrecisionUnitsTests
{
    [Theory]
    [InlineData(TrainingPrecision.BFloat16, 0, 0, false)]
    [InlineData(TrainingPrecision.BFloat16, 1 << 22, 0, true)]                // AMX-BF16
    [InlineData(TrainingPrecision.BFloat16, 0, 1 << 5, true)]                 // AVX512-BF16
    [InlineData(TrainingPrecision.BFloat16, 1 << 23, 0, false)]
    [InlineData(TrainingPrecision.Float16, 1 << 23, 0, true)]                 // AVX512-FP16
    [InlineData(TrainingPrecision.Float16, 1 << 22, 1 << 5, false)]
    public void Bits_of_CPUID_tell(TrainingPrecision precision, int edx, int eax, bool expected) =>
        Assert.Equal(expected, HalfPrecisionUnits.X86(precision, edx, eax));

    [Fact]
    public void Linux_lists_what_an_Arm_processor_has()
    {
        string[] old = ["processor\t: 0", "Features\t: fp asimd evtstrm aes asimdhp cpuid"], recent = ["Features\t: fp asimd asimdhp i8mm bf16 dgh"];
        Assert.False(HalfPrecisionUnits.Arm(TrainingPrecision.BFloat16, old));
        Assert.True(HalfPrecisionUnits.Arm(TrainingPrecision.BFloat16, recent));
        Assert.True(HalfPrecisionUnits.Arm(TrainingPrecision.Float16, old));
    }

    [Fact]
    public void This_machine_has_what_its_kernel_lists()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        string info = File.ReadAllText("/proc/cpuinfo");
        if (info.Contains("flags", StringComparison.Ordinal))
        {
            Assert.Equal(info.Contains("avx512_bf16", StringComparison.Ordinal) || info.Contains("amx_bf16", StringComparison.Ordinal), HalfPrecisionUnits.Exist(TrainingPrecision.BFloat16));
        }
    }

    [Fact]
    public void Single_precision_needs_none() => Assert.True(HalfPrecisionUnits.Exist(TrainingPrecision.Float32));
}
