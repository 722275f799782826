using System.Diagnostics;
using System.Globalization;
using HiMo.MLNet.Tests.Samples;
using Microsoft.ML;

namespace HiMo.MLNet.Tests.Onnx;

/// <summary>A program without libtorch.</summary>
public sealed class OnnxProgramTests
{
    private const string Project = "tests/HiMo.MLNet.OnnxProgram", Assembly = "HiMo.MLNet.OnnxProgram.dll";

    private static (int ExitCode, string[] Lines, string Errors) Run(params string[] arguments)
    {
        ProcessStartInfo start = BuiltProgram.StartInfo(Project, Assembly, null, arguments);
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        process.WaitForExit();
        return (process.ExitCode, lines, errors.Result);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void It_classifies_as_a_program_with_torch_does(bool weightsBeside)
    {
        using var images = new ToyImages();
        string checkpoint = images.Checkpoint(), folder = Path.Combine(images.Folder, "exported"), image = images.Rows[1].ImagePath;
        string[] labels = ["red", "green", "blue"];
        using var model = ClipEmbedder.Load(checkpoint);
        model.SaveOnnx(folder);
        if (weightsBeside)
        {
            model.SaveCheckpoint(Path.Combine(folder, "model.safetensors"));
        }

        (int exitCode, string[] lines, string errors) = Run([folder, image, .. labels]);

        Assert.True(exitCode == 0, errors);
        Assert.StartsWith("ONNX Runtime", lines[0], StringComparison.Ordinal);
        ClipPrediction expected = model.CreateClassifier(labels).Classify(image);
        Assert.Equal(expected.Label, lines[1]);
        float[] probabilities = [.. lines[2].Split(' ').Select(p => float.Parse(p, CultureInfo.CurrentCulture))];
        Assert.All(probabilities.Zip(expected.Probabilities), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
    }

    [Fact]
    public void It_loads_an_ML_NET_zip_that_was_saved_in_another_process()
    {
        using var images = new ToyImages();
        string folder = Path.Combine(images.Folder, "exported"), zip = Path.Combine(images.Folder, "model.zip"), image = images.Rows[1].ImagePath;
        using (var model = ClipEmbedder.Load(images.Checkpoint()))
        {
            model.SaveOnnx(folder);
        }

        var mlContext = new MLContext();
        IDataView data = mlContext.Data.LoadFromEnumerable(images.Rows);
        using HiMoClipTransformer saved = mlContext.Transforms.HiMoClip(folder, labels: ["red", "green", "blue"]).Fit(data);
        mlContext.Model.Save(saved, data.Schema, zip);
        Directory.Delete(folder, recursive: true);

        (int exitCode, string[] lines, string errors) = Run(zip, image);

        Assert.True(exitCode == 0, errors);
        Assert.StartsWith("ONNX Runtime", lines[0], StringComparison.Ordinal);
        ClipPrediction expected = new ClipEmbedder(saved.Encoder.Share(), saved.ZeroShot).SavedClassifier!.Classify(image);
        Assert.Equal(expected.Label, lines[1]);
        Assert.Equal(expected.Probabilities, lines[2].Split(' ').Select(p => float.Parse(p, CultureInfo.CurrentCulture)));
    }

    [Fact]
    public void It_carries_no_libtorch()
    {
        string bin = Path.GetDirectoryName(BuiltProgram.StartInfo(Project, Assembly, null).ArgumentList[0])!;

        Assert.Empty(Directory.EnumerateFiles(bin, "*torch_cpu*", SearchOption.AllDirectories));
        Assert.NotEmpty(Directory.EnumerateFiles(bin, "*onnxruntime*", SearchOption.AllDirectories));
    }
}
