using System.Text.Json;
using HiMo.MLNet.Modeling;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Samples;

public sealed class ExportCommandTests : IDisposable
{
    private readonly ToyImages _toys = new();
    private readonly string _checkpoint;

    public ExportCommandTests()
    {
        _checkpoint = _toys.Checkpoint();
        using var generator = new Generator(11);
        using var resNet = new ClipModel(new ClipArchitecture(16, 32, [1, 1, 1, 1], 4, null, 64, 1));
        resNet.Initialize(generator);
        using FileStream file = File.Create(At("resnet.safetensors"));
        ClipWeights.Save(resNet, file);
    }

    public void Dispose() => _toys.Dispose();

    private string At(string name) => Path.Combine(_toys.Folder, name);

    private static string[] Names(JsonElement told) =>
        [.. told.GetProperty("files").EnumerateArray().Select(file => file.GetProperty("name").GetString()!)];

    [Fact]
    public void Onnx_writes_the_towers_in_every_precision_that_is_asked_for()
    {
        JsonElement told = HimoProgram.Run(
            "export", _checkpoint, "--to", "onnx", "--out", At("folder"), "--precision", "float32", "int8", "--json").Json;

        string[] graphs = ["onnx/text_model.onnx", "onnx/text_model_int8.onnx", "onnx/vision_model.onnx", "onnx/vision_model_int8.onnx"];
        Assert.Equal(graphs, Names(told));
        Assert.Equal(["onnx"], Directory.GetFileSystemEntries(At("folder")).Select(Path.GetFileName));
    }

    [Fact]
    public void Huggingface_writes_a_folder_that_every_command_takes()
    {
        ProgramResult told = HimoProgram.Run("export", _checkpoint, "--to", "HuggingFace", "--output", At("folder"));
        JsonElement found = HimoProgram.Run("inspect", At("folder"), "--text", "a cat", "--json").Json, original = HimoProgram.Run(
            "inspect", _checkpoint, "--text", "a cat", "--json").Json;

        Assert.Equal((0, true), (told.ExitCode, told.Output.Contains("onnx/text_model.onnx", StringComparison.Ordinal)));
        Assert.Equal(Path.Combine(At("folder"), "config.json"), found.GetProperty("architectureSource").GetString());
        Assert.Equal(original.GetProperty("textEmbedding").ToString(), found.GetProperty("textEmbedding").ToString());
    }

    [Fact]
    public void Safetensors_writes_the_weights_under_the_originals_names()
    {
        string original = GoldenFile.PathOf("tiny-rn.pt");

        JsonElement told = HimoProgram.Run("export", original, "--to", "safetensors", "--out", At("folder"), "--json").Json;

        Assert.Equal(["model.safetensors"], Names(told));
        var found = ClipCheckpoint.Inspect(At("folder"));
        Assert.Equal(ClipCheckpoint.Inspect(original).Tensors.Select(t => t.Name), found.Tensors.Select(t => t.Name));
    }

    [Theory]
    [InlineData(1, "no-such.pt|--to|onnx|--out|FOLDER", "no-such.pt")]
    [InlineData(1, "CHECKPOINT|--to|onnx|--out|CHECKPOINT", "expected a folder, found the file")]
    [InlineData(1, "CHECKPOINT|--to|safetensors|--out|CHECKPOINT/inside", "CHECKPOINT")]
    [InlineData(1, "CHECKPOINT|--to|huggingface|--out|CHECKPOINT/inside", "cannot be written")]
    [InlineData(1, "RESNET|--to|huggingface|--out|FOLDER", "ResNet")]
    [InlineData(2, "CHECKPOINT|--to|coreml|--out|FOLDER", "huggingface")]
    [InlineData(2, "CHECKPOINT|--to|onnx|--out|FOLDER|--precision|int4", "int4")]
    [InlineData(2, "CHECKPOINT|--to|safetensors|--out|FOLDER|--precision|int8", "no --precision with --to safetensors")]
    [InlineData(2, "CHECKPOINT|--to|onnx", "--output")]
    public void What_cannot_be_is_told_and_leaves_nothing(int exitCode, string arguments, string expected)
    {
        string Filled(string text) => text.Replace("CHECKPOINT", _checkpoint, StringComparison.Ordinal)
            .Replace("RESNET", At("resnet.safetensors"), StringComparison.Ordinal)
            .Replace("FOLDER", At("folder"), StringComparison.Ordinal);

        ProgramResult result = HimoProgram.Run(["export", .. arguments.Split('|').Select(Filled)]);

        Assert.Equal((exitCode, ""), (result.ExitCode, result.Output));
        Assert.Contains(Filled(expected), result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(At("folder")));
        Assert.Empty(Directory.GetFileSystemEntries(_toys.Folder, "*.partial"));
    }
}
