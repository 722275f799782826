using System.Text;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class ShardIndexTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public ShardIndexTests()
    {
        _folder.Write("model-00001-of-00002.safetensors", SafetensorsTests.Write([("a", full(2, 1f)), ("stray", full(1, 9f))]));
        _folder.Write("model-00002-of-00002.safetensors", SafetensorsTests.Write([("b", full(3, 2f))]));
    }

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Reads_the_tensors_that_the_index_names_from_their_files()
    {
        string index = Index("""{"metadata": {"total_size": 20}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}""");
        foreach (string? path in new[] { index, _folder.FullPath })
        {
            using var checkpoint = Checkpoint.Open(path);
            Assert.Equal(["a", "b"], checkpoint.Tensors.Keys);
            TensorAssert.SameBits(full(2, 1f), checkpoint.Read("a"));
            TensorAssert.SameBits(full(3, 2f), checkpoint.Read("b"));
        }
    }

    [Fact]
    public void Finds_the_only_safetensors_file_of_a_folder()
    {
        using var other = new TemporaryFolder();
        Assert.Contains("expected a checkpoint", Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(other.FullPath)).Message);
        other.Write("model.safetensors", SafetensorsTests.Write([("a", ones(1))]));
        other.Write("config.json", "{}"u8);
        using (var checkpoint = Checkpoint.Open(other.FullPath))
        {
            Assert.Equal("a", Assert.Single(checkpoint.Tensors.Keys));
        }

        Assert.Contains(
            "found model-00001-of-00002.safetensors, model-00002-of-00002.safetensors; name the file itself",
            Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(_folder.FullPath)).Message);
    }

    [Theory]
    [InlineData("model.safetensors", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")]
    [InlineData("open_clip_model.safetensors", "adapter.safetensors", "pytorch_model.bin")]
    [InlineData("open_clip_pytorch_model.bin", "pytorch_model.bin", "training_args.bin")]
    [InlineData("pytorch_model.bin", "optimizer.bin")]
    public void Of_several_files_takes_the_one_with_the_name_that_libraries_give(string expected, params string[] others)
    {
        using var other = new TemporaryFolder();
        other.Write(expected, SafetensorsTests.Write([("right", ones(1))]));
        foreach (string name in others)
        {
            other.Write(name, SafetensorsTests.Write([("wrong", ones(1))]));
        }

        using var checkpoint = Checkpoint.Open(other.FullPath);

        Assert.Equal("right", Assert.Single(checkpoint.Tensors.Keys));
    }

    [Theory]
    [InlineData("""{"weight_map": {"a": "../a.safetensors"}}""", "expected a plain file name for 'a', found '../a.safetensors'")]
    [InlineData("""{"weight_map": {"a": "/etc/passwd"}}""", "expected a plain file name")]
    [InlineData("""{"weight_map": {"a": "C:\\a"}}""", "expected a plain file name")]
    [InlineData("""{"weight_map": {"a": ".."}}""", "expected a plain file name")]
    [InlineData("""{"weight_map": {"a": null}}""", "expected a plain file name")]
    [InlineData("""{"weight_map": {"a": "gone.safetensors"}}""", "it names 'gone.safetensors', which is not beside it")]
    [InlineData("""{"weight_map": {"c": "model-00001-of-00002.safetensors"}}""", "by its index it holds 'c', but it does not")]
    [InlineData("""{"weight_map": {"a": "model.safetensors.index.json"}}""", "expected a PyTorch state dict")]
    [InlineData("""{"weight_map": {"a": "model-00001-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"}}""", "Duplicate property 'a'")]
    [InlineData("""{"weight_map": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}""", "Duplicate property 'weight_map'")]
    [InlineData("""{"weight_map": []}""", "expected a JSON object with a weight_map")]
    [InlineData("""{"weight_map": {"a": 1}}""", "expected a JSON object with a weight_map")]
    [InlineData("""{"model_type": "clip"}""", "expected a weight_map")]
    [InlineData("""{"weight_map": {""", "expected a JSON object with a weight_map")]
    public void Refuses_an_index_that_is_wrong_and_says_why(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(Index(json))).Message);

    private string Index(string json) => _folder.Write("model.safetensors.index.json", Encoding.UTF8.GetBytes(json));
}
