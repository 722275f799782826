using HiMo.MLNet.Checkpoints;
using TorchSharp;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class CheckpointTests
{
    [Theory]
    [InlineData("tiny-vit", 63)]
    [InlineData("tiny-rn", 160)]
    public void Reads_the_same_tensors_from_a_state_dict_of_PyTorch_and_from_safetensors(string model, int count)
    {
        using var pickled = Checkpoint.Open($"Golden/{model}.pt");
        using var plain = Checkpoint.Open($"Golden/{model}.safetensors");

        Assert.Equal(count, plain.Tensors.Count);
        Assert.Equal(plain.Tensors.Keys.Order(), pickled.Tensors.Keys.Order());
        foreach ((string? name, TensorInfo? info) in plain.Tensors)
        {
            using torch.Tensor expected = plain.Read(name);
            using torch.Tensor actual = pickled.Read(name);
            TensorAssert.SameBits(expected, actual);
            Assert.Equal(info.Shape, actual.shape);
            Assert.Equal(info.Type, actual.dtype);
            Assert.Equal(info.ByteCount, actual.numel() * actual.ElementSize);
            Assert.Equal(DeviceType.CPU, actual.device_type);
        }
    }

    [Fact]
    public void Reads_a_fresh_tensor_each_time()
    {
        using var checkpoint = Checkpoint.Open("Golden/tiny-vit.pt");
        using torch.Tensor first = checkpoint.Read("logit_scale");
        using torch.Tensor changed = first.fill_(7);
        using torch.Tensor second = checkpoint.Read("logit_scale");
        Assert.Equal(4.6052f, second.item<float>(), 1e-4f);
    }

    [Theory]
    [InlineData("Golden/tiny-vit.pt")]
    [InlineData("Golden/tiny-vit.safetensors")]
    public void Reads_straight_into_the_tensors_without_a_copy_in_managed_memory(string path)
    {
        Checkpoint.Open(path).Dispose();
        long before = GC.GetAllocatedBytesForCurrentThread();
        using DisposeScope scope = torch.NewDisposeScope();
        using var checkpoint = Checkpoint.Open(path);
        foreach (string name in checkpoint.Tensors.Keys)
        {
            using torch.Tensor tensor = checkpoint.Read(name);
            Assert.Equal(1, scope.DisposablesCount);
        }

        // The model has 4 MB; names, places and the pickle's 9 kB take far less.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    [Fact]
    public void Names_a_missing_tensor()
    {
        using var checkpoint = Checkpoint.Open("Golden/tiny-vit.pt");
        KeyNotFoundException error = Assert.Throws<KeyNotFoundException>(() => checkpoint.Read("visual.nothing"));
        Assert.Contains("'visual.nothing'", error.Message);
    }
}
