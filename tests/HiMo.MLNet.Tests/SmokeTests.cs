namespace HiMo.MLNet.Tests;

public sealed class SmokeTests
{
    [Fact]
    public void Native_library_loads() => Assert.Equal(2f, TorchSharp.torch.ones(2).sum().item<float>());
}
