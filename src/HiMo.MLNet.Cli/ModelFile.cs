using System.CommandLine;

namespace HiMo.MLNet.Cli;

/// <summary>The option that names a model, and the model out of its file.</summary>
internal static class ModelFile
{
    public const string Help = "A CLIP checkpoint (PyTorch, TorchScript, .safetensors, a folder of shards) or an ML.NET model (.zip).";

    public static Option<string> Option { get; } = CommandOption.Required<string>("--model", "FILE", Help, "-m");

    /// <exception cref="CheckpointFormatException">The file holds no CLIP model.</exception>
    /// <exception cref="InvalidOperationException">A GPU is asked for and there is none to compute on.</exception>
    public static ClipEmbedder Open(string path, bool gpu)
    {
        Context.RequireGpu(gpu);
        return ClipEmbedder.Load(path, gpu ? "cuda" : "cpu", warning: warning => ProgressDisplay.Warn("warning: " + warning));
    }
}
