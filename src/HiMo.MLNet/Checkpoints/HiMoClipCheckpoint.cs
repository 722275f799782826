using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using TorchSharp;

namespace HiMo.MLNet;

/// <summary>What a CLIP checkpoint file holds, read without loading its weights.</summary>
/// <param name="Path">The file.</param>
/// <param name="Architecture">The sizes, read off the shapes of the tensors.</param>
/// <param name="ParameterCount">The numbers in the parameters: tensors of floating point, batch norm's statistics left out.</param>
/// <param name="Tensors">The tensors by their original names, with the type and shape in which they are stored.</param>
public sealed record HiMoClipCheckpoint(string Path, ClipArchitecture Architecture, long ParameterCount, IReadOnlyList<CheckpointTensor> Tensors)
{
    /// <summary>Reads names, types and shapes.</summary>
    /// <param name="path">A PyTorch, TorchScript or safetensors file, or a folder of shards.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="CheckpointFormatException">The file is damaged or not a CLIP model's.</exception>
    public static HiMoClipCheckpoint Inspect(string path)
    {
        using Checkpoint checkpoint = Checkpoint.Open(path);
        ClipArchitecture architecture = ClipWeights.Infer(checkpoint);
        CheckpointTensor[] tensors = [.. checkpoint.Tensors.Values.Where(t => ClipWeights.IsModelTensor(t.Name)).Select(t => new CheckpointTensor(t.Name, t.Type.ToString(), t.Shape)).OrderBy(t => t.Name, StringComparer.Ordinal)];
        long parameters = checkpoint.Tensors.Values.Where(t => ClipWeights.IsModelTensor(t.Name))
            .Where(t => t.Type is torch.ScalarType.Float32 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16 or torch.ScalarType.Float64)
            .Where(t => !t.Name.EndsWith("running_mean", StringComparison.Ordinal) && !t.Name.EndsWith("running_var", StringComparison.Ordinal))
            .Sum(t => t.Shape.Aggregate(1L, (product, size) => product * size));
        return new(path, architecture, parameters, tensors);
    }
}

/// <summary>A tensor of a checkpoint.</summary>
/// <param name="Name">Its name in the original CLIP state dict.</param>
/// <param name="Type">The type in which it is stored, as <c>Float16</c>.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
public sealed record CheckpointTensor(string Name, string Type, IReadOnlyList<long> Shape);
