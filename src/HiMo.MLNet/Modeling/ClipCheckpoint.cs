using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using TorchSharp;

namespace HiMo.MLNet;

/// <summary>What the file of a CLIP model holds, read without loading its weights.</summary>
/// <param name="Path">The file.</param>
/// <param name="Format">The kind of file: <c>PyTorch</c>, <c>PyTorch (before 1.6)</c>, <c>TorchScript</c> or <c>safetensors</c>, for shards
/// with their number (<c>safetensors, 2 files</c>); or <see cref="ModelZip"/>.</param>
/// <param name="Architecture">Sizes read off the shapes of the tensors, activation and heads as <see cref="ArchitectureSource"/> says. A
/// context of 77 tokens counts as the 248 that it is stretched to on loading.</param>
/// <param name="ParameterCount">The numbers in the parameters: tensors of floating point, batch norm's statistics left out.</param>
public sealed record ClipCheckpoint(string Path, string Format, ClipArchitecture Architecture, long ParameterCount)
{
    /// <summary>The format of what <c>mlContext.Model.Save</c> writes.</summary>
    public const string ModelZip = "ML.NET model";

    /// <summary>
    /// The file that says the activation and the heads: this one, or a configuration file beside it (<c>config.json</c>,
    /// <c>open_clip_config.json</c>, or open_clip's under the checkpoint's name). Null where none does: then they are
    /// the defaults of <see cref="ClipArchitecture"/>, and the 80, 88 and 104 wide heads of ViT-H/14, g/14 and bigG/14 by their sizes.
    /// </summary>
    public string? ArchitectureSource { get; init; }

    /// <summary>The positions in the file: 77 for CLIP's own, 248 for a stretched one.</summary>
    public int StoredContextLength { get; init; }

    /// <summary>How many tensors are stored in each type, such as <c>Float16</c>.</summary>
    public IReadOnlyDictionary<string, int> StoredTypes { get; init; } = new Dictionary<string, int>();

    /// <summary>The tensors by their original names, in the order of these.</summary>
    internal IReadOnlyList<TensorInfo> Tensors { get; init; } = [];

    /// <summary>Reads names, types and shapes.</summary>
    /// <param name="path">A PyTorch, TorchScript or safetensors file, a folder of shards, or an ML.NET model zip with a
    /// <see cref="HiMoClipTransformer"/> in it.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="CheckpointFormatException">The file is damaged or not a CLIP model's.</exception>
    public static ClipCheckpoint Inspect(string path)
    {
        using var zip = ModelArchive.TryOpen(path);
        if (zip is not null)
        {
            SafetensorsHeader header = zip.ReadWeights((stream, _) => Safetensors.ReadHeader(stream, path));
            return Describe(path, ModelZip, new(StoredArchitecture.Of(header, path), path), header.Tensors);
        }

        using var checkpoint = Checkpoint.Open(path);
        return Describe(path, checkpoint.Format, StoredArchitecture.Of(checkpoint), checkpoint.Tensors.Values);
    }

    private static ClipCheckpoint Describe(string path, string format, StoredArchitecture stored, IEnumerable<TensorInfo> tensors)
    {
        TensorInfo[] ordered = [.. tensors.Where(t => ClipWeights.IsModelTensor(t.Name)).OrderBy(t => t.Name, StringComparer.Ordinal)];
        long parameters = ordered
            .Where(t => t.Type is torch.ScalarType.Float32 or torch.ScalarType.Float16 or torch.ScalarType.BFloat16
                or torch.ScalarType.Float64)
            .Where(t => !t.Name.EndsWith("running_mean", StringComparison.Ordinal)
                && !t.Name.EndsWith("running_var", StringComparison.Ordinal))
            .Sum(t => t.Shape.Aggregate(1L, (product, size) => product * size));
        return new(path, format, stored.Architecture, parameters)
        {
            ArchitectureSource = stored.Source,
            StoredContextLength = (int)ordered.Single(t => t.Name == "positional_embedding").Shape[0],
            StoredTypes = ordered.CountBy(t => t.Type.ToString()).ToDictionary(),
            Tensors = ordered,
        };
    }
}
