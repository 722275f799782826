using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>Collections are forced: it runs alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class ArithmeticTests
{
    [Fact]
    public async Task Operands_outlive_collections_in_the_middle_of_a_call()
    {
        // With TorchSharp's own operators this throws, or ends the process, sooner or later.
        using var stop = new CancellationTokenSource();
        Task collections = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                GC.Collect(0);
        });
        using Tensor sum = zeros(4), one = ones(4);
        for (int i = 0; i < 4_000; i++)
        {
            using Tensor scaled = one.Times(0.5), shifted = scaled.Plus(0.25), both = shifted.Plus(shifted);
            Arithmetic.Add(sum, both, factor: 2);
        }
        await stop.CancelAsync();
        await collections;
        Assert.Equal(12_000, sum[0].item<float>());
    }
}
