using TorchSharp;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// An open checkpoint of a CLIP model. The kind of file is recognised by its content: PyTorch's state dicts (zip and
/// the format before 1.6), TorchScript archives, safetensors, and safetensors in several files with an index. Whatever
/// the file calls them, tensors appear under the names of the original CLIP state dict (see <see cref="CheckpointNames"/>).
/// </summary>
/// <remarks>
/// Opening reads names and places only. Each <see cref="Read"/> goes straight from the file into the tensor's memory,
/// so loading a model takes one tensor more than the model itself.
/// </remarks>
internal sealed class Checkpoint : IDisposable
{
    private readonly List<CheckpointFile> _files = [];
    private readonly Dictionary<string, MappedTensor> _tensors;

    private Checkpoint(string path)
    {
        Path = path;
        try
        {
            if (Directory.Exists(path))
            {
                path = ShardIndex.FindInFolder(path);
            }

            CheckpointFile first = OpenFile(path);
            List<StoredTensor> stored = IsIndex(first) ? ReadShards(first) : ReadFile(first);
            _tensors = CheckpointNames.Map(stored, Path);
            Tensors = _tensors.ToDictionary(entry => entry.Key, entry => entry.Value.Info);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The path that was opened.</summary>
    internal string Path { get; }

    /// <summary>The tensors by their original names.</summary>
    internal IReadOnlyDictionary<string, TensorInfo> Tensors { get; }

    /// <summary>The kind of file, as a person calls it.</summary>
    internal string Format { get; private set; } = "";

    /// <summary>The texts that a safetensors file keeps beside its tensors; empty for other files.</summary>
    internal IReadOnlyDictionary<string, string> Metadata { get; private set; } = new Dictionary<string, string>();

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="path">A checkpoint file, an index of shards, or a folder that holds an index or one safetensors file.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="CheckpointFormatException">The file is damaged, of an unknown kind, or refused.</exception>
    internal static Checkpoint Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new Checkpoint(path);
    }

    /// <summary>Reads one tensor.</summary>
    /// <param name="name">A key of <see cref="Tensors"/>.</param>
    /// <returns>A fresh, contiguous CPU tensor of the stored type; the caller disposes of it.</returns>
    /// <exception cref="KeyNotFoundException">The checkpoint has no such tensor.</exception>
    /// <exception cref="CheckpointFormatException">The file has become shorter since it was opened.</exception>
    internal torch.Tensor Read(string name)
    {
        return _tensors.TryGetValue(name, out MappedTensor? tensor)
            ? tensor.Read()
            : throw new KeyNotFoundException($"{Path}: the checkpoint has no tensor {name.Quoted()}.");
    }

    /// <summary>Closes the files.</summary>
    public void Dispose() => _files.ForEach(file => file.Dispose());

    private CheckpointFile OpenFile(string path)
    {
        var file = new CheckpointFile(path);
        _files.Add(file);
        return file;
    }

    private List<StoredTensor> ReadFile(CheckpointFile file)
    {
        byte[] buffer = new byte[64];
        Span<byte> start = buffer.AsSpan(0, file.Read(0, buffer));
        if (start.StartsWith("PK\x03\x04"u8))
        {
            (List<StoredTensor>? tensors, bool isTorchScript) = PyTorchZip.Read(file);
            Format = isTorchScript ? "TorchScript" : "PyTorch";
            return CheckSharing(file, tensors);
        }

        if (PyTorchLegacy.Matches(start))
        {
            Format = "PyTorch (before 1.6)";
            return CheckSharing(file, PyTorchLegacy.Read(file));
        }

        // The JSON header follows eight bytes of length.
        if (start.Length > 8 && start[8] == '{')
        {
            Format = "safetensors";
            (List<StoredTensor>? tensors, Metadata) = Safetensors.Read(file);
            return tensors;
        }

        throw file.Error(
            "start of the file",
            start.StartsWith("version https://git-lfs"u8)
                ? "this is a Git LFS pointer, not the checkpoint itself; fetch it with 'git lfs pull'"
                : "expected a PyTorch state dict, a TorchScript archive, safetensors or an index of shards, " +
                  $"found the bytes {Convert.ToHexStringLower(start[..Math.Min(16, start.Length)])} ({file.Length} in all)");
    }

    /// <summary>Tensors may share a storage, so that a small file could ask for any amount of memory.</summary>
    private static List<StoredTensor> CheckSharing(CheckpointFile file, List<StoredTensor> tensors)
    {
        ClipLimits limits = ClipLimits.Current;
        Int128 bytes = tensors.Aggregate(Int128.Zero, (sum, tensor) => sum + tensor.Info.ByteCount);
        return bytes <= (Int128)file.Length * limits.SharingRatio
            ? tensors
            : throw file.Error("tensors",
                $"{ClipLimits.AtMost(limits.SharingRatio, "bytes of tensors per byte of the file")}, found {bytes} in {file.Length}");
    }

    private List<StoredTensor> ReadShards(CheckpointFile index)
    {
        var tensors = new List<StoredTensor>();
        Dictionary<string, HashSet<string>> shards = ShardIndex.Read(index);
        foreach ((string? path, HashSet<string>? names) in shards)
        {
            if (!File.Exists(path))
            {
                throw index.Error("shard index",
                    $"it names {System.IO.Path.GetFileName(path).Quoted()}, which is not beside it");
            }

            CheckpointFile shard = OpenFile(path);
            List<StoredTensor> found = ReadFile(shard).FindAll(tensor => names.Remove(tensor.Info.Name));
            tensors.AddRange(found);
            if (names.Count > 0)
            {
                throw shard.Error("contents", $"by its index it holds {names.First().Quoted()}, but it does not");
            }
        }

        Format += $", {shards.Count} files";
        return tensors;
    }

    /// <summary>An index is a JSON text: its first character but spaces is a brace.</summary>
    private static bool IsIndex(CheckpointFile file)
    {
        byte[] buffer = new byte[64];
        Span<byte> start = buffer.AsSpan(0, file.Read(0, buffer));

        // The length field of safetensors may have the value of a brace in its first byte, and zeros further on.
        return start.IndexOf((byte)0) < 0 && start.TrimStart(" \t\r\n"u8).StartsWith("{"u8);
    }
}
