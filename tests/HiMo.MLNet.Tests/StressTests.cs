using System.Diagnostics;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests;

/// <summary>A short <c>himo stress</c>: all kinds of work, in processes of their own, under constant garbage collections.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class StressTests
{
    [Fact]
    public async Task Constant_collections_change_no_result()
    {
        using Process stress = BuiltProgram.Start("tests/HiMo.MLNet.Benchmarks", "HiMo.MLNet.Benchmarks.dll", null, "stress", "0");
        Task<string> errors = stress.StandardError.ReadToEndAsync();
        string output = await stress.StandardOutput.ReadToEndAsync();
        await stress.WaitForExitAsync();

        Assert.True(stress.ExitCode == 0, output + await errors);
        Assert.Contains("No result differs, no process crashed.", output, StringComparison.Ordinal);
    }
}
