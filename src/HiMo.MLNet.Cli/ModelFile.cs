using System.CommandLine;
using Microsoft.ML;

namespace HiMo.MLNet.Cli;

/// <summary>The option that names a model, and the model out of its file.</summary>
internal static class ModelFile
{
    public const string Help = "A CLIP checkpoint (PyTorch, TorchScript, .safetensors, a folder of shards) or an ML.NET model (.zip).";

    public static Option<string> Option { get; } = CommandOption.Required<string>("--model", "FILE", Help, "-m");

    /// <summary>The same where something else may stand for it.</summary>
    public static Option<string?> Optional(string description) =>
        new("--model", "-m") { Description = description, HelpName = "FILE" };

    /// <exception cref="CheckpointFormatException">The file holds no CLIP model.</exception>
    /// <exception cref="InvalidOperationException">A GPU is asked for and there is none to compute on.</exception>
    public static ClipEmbedder Open(string path, bool gpu)
    {
        Context.RequireGpu(gpu);
        return ClipEmbedder.Load(path, gpu ? "cuda" : "cpu", warning: warning => ProgressDisplay.Warn("warning: " + warning));
    }

    /// <summary>The model as a transformer of both columns under their usual names.</summary>
    /// <exception cref="CheckpointFormatException">The file holds no CLIP model.</exception>
    public static HiMoClipTransformer Fit(MLContext mlContext, string path) => mlContext.Transforms.HiMoClip(path).Fit(NoRows(mlContext));

    /// <summary>The columns that a model is saved for.</summary>
    public static IDataView NoRows(MLContext mlContext) => mlContext.Data.LoadFromEnumerable(Array.Empty<Row>());

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }
}
