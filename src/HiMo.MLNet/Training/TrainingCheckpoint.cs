using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using TorchSharp;
using TorchSharp.Modules;
using static System.FormattableString;
using static TorchSharp.torch;

namespace HiMo.MLNet.Training;

/// <summary>
/// An interrupted training in one safetensors file: the weights under their original names (so that the file is a model
/// checkpoint too), and under <c>training.</c> the optimizer's averages, the mask network, the best weights so far and,
/// in the metadata, the <see cref="TrainingState"/>.
/// </summary>
internal static class TrainingCheckpoint
{
    private const string Prefix = ClipWeights.TrainingPrefix;

    /// <summary>The key of the <see cref="TrainingState"/> in the metadata.</summary>
    private const string MetadataKey = StoredArchitecture.TrainingKey;

    private const string Pattern = "step-*.safetensors";

    /// <summary>Writes under another name, to the disk itself, and renames: a file of the final name is always whole.</summary>
    /// <returns>The file.</returns>
    /// <exception cref="IOException">The disk is full or refuses; no file is lost or replaced.</exception>
    public static string Save(
        string folder, int keep, TrainingState state, NetworkReplica networks, AdamW optimizer, IReadOnlyDictionary<string, Tensor>? best)
    {
        string path = Path.Combine(folder, Invariant($"step-{state.Step:d8}.safetensors"));
        using (DisposeScope scope = NewDisposeScope())
        {
            List<(string, Tensor)> tensors = [.. ClipWeights.Tensors(networks.Clip).Select(t => (t.Key, t.Value.detach()))];
            if (networks.Masks is { } masks)
            {
                tensors.AddRange(masks.named_parameters().Select(p => (Prefix + "mask." + p.name, p.parameter.detach())));
            }

            tensors.AddRange(optimizer.States
                .SelectMany(s => new[] { (Prefix + "average." + s.Name, s.Average), (Prefix + "square." + s.Name, s.Square) }));
            if (best is not null)
            {
                tensors.AddRange(best.Select(t => (Prefix + "best." + t.Key, t.Value)));
            }

            Dictionary<string, string> metadata = StoredArchitecture.Metadata(networks.Clip.Architecture);
            metadata[MetadataKey] = JsonSerializer.Serialize(state);
            WholeFile.Write(path, stream => Safetensors.Write(stream, tensors, metadata));
        }

        // A training that was resumed from an earlier checkpoint leaves the later ones alone.
        foreach (string old in Files(folder).TakeWhile(file => Path.GetFileName(file) != Path.GetFileName(path)).SkipLast(keep - 1))
        {
            File.Delete(old);
        }

        return path;
    }

    /// <summary>Makes the folder, and sure that it can be written to; keeps other trainings out until the result is disposed.</summary>
    /// <exception cref="IOException">It cannot, or another training writes to it; the message names the folder.</exception>
    public static IDisposable Open(string folder)
    {
        FileStream? held = null;
        try
        {
            Directory.CreateDirectory(folder);
            held = WholeFile.Hold(Path.Combine(folder, ".in-use"));
            WholeFile.DeleteAbandoned(folder, Pattern);
            return held;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new IOException(
                $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.CheckpointFolder)} '{folder}' cannot be written to: {e.Message}", e);
        }
    }

    /// <summary>A folder is of one training: the checkpoints of two would take each other's place.</summary>
    /// <param name="folder">Where checkpoints are to be written.</param>
    /// <param name="resumeFrom">The checkpoint that the training goes on from, or null.</param>
    /// <exception cref="InvalidOperationException">There are checkpoints of another training in it.</exception>
    public static void RequireOwn(string folder, string? resumeFrom)
    {
        bool own = resumeFrom is not null
            && Path.GetFullPath(Path.Combine(folder, Path.GetFileName(resumeFrom))) == Path.GetFullPath(resumeFrom);
        if (!own && Files(folder).LastOrDefault() is { } other)
        {
            throw new InvalidOperationException(
                $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.CheckpointFolder)} '{folder}' holds checkpoints of another training, "
                + $"up to '{Path.GetFileName(other)}'. To go on with that one, "
                + $"set {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ResumeFrom)} "
                + "to the folder; for a new one, choose another folder.");
        }
    }

    /// <summary>The file to resume from.</summary>
    /// <param name="path">A checkpoint, or a folder of checkpoints, of which it is the latest.</param>
    /// <returns>Null for a folder without checkpoints.</returns>
    /// <exception cref="FileNotFoundException">There is no such file or folder.</exception>
    public static string? Find(string path)
    {
        return File.Exists(path) ? path : Directory.Exists(path) ? Files(path).LastOrDefault() : throw new FileNotFoundException(
            $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ResumeFrom)} '{path}': there is no such checkpoint or folder.", path);
    }

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder, Pattern).Order(StringComparer.Ordinal);

    /// <exception cref="CheckpointFormatException">The file is damaged, or a model's and not a training's.</exception>
    public static TrainingState ReadState(string path)
    {
        using var checkpoint = Checkpoint.Open(path);
        try
        {
            if (checkpoint.Metadata.TryGetValue(MetadataKey, out string? json)
                && JsonSerializer.Deserialize<TrainingState>(json) is { } state)
            {
                return state;
            }
        }
        catch (JsonException e)
        {
            throw new CheckpointFormatException($"{path}: its training state is damaged: {e.Message}", e);
        }
        throw new CheckpointFormatException(
            $"{path}: holds a model, not an interrupted training. To fine-tune it, "
            + $"set {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.Checkpoint)}.");
    }

    /// <summary>Reads all but the weights of the towers, which load as any checkpoint's.</summary>
    /// <returns>The best weights so far, or null.</returns>
    /// <exception cref="CheckpointFormatException">The file is damaged or of another architecture.</exception>
    public static Dictionary<string, Tensor>? Load(string path, NetworkReplica networks, AdamW optimizer)
    {
        using var checkpoint = Checkpoint.Open(path);
        using IDisposable _ = no_grad();
        void Read(string name, Tensor target)
        {
            if (!checkpoint.Tensors.ContainsKey(Prefix + name))
            {
                throw new CheckpointFormatException(
                    $"{path}: lacks tensor '{Prefix + name}', which this training needs: it was begun with other settings.");
            }

            using Tensor stored = checkpoint.Read(Prefix + name);
            if (!stored.shape.SequenceEqual(target.shape))
            {
                throw new CheckpointFormatException(
                    $"{path}: tensor '{Prefix + name}' should have the shape "
                    + $"({string.Join(", ", target.shape)}); it has ({string.Join(", ", stored.shape)}).");
            }

            target.copy_(stored);
        }
        foreach ((string name, Parameter parameter) in networks.Masks?.named_parameters() ?? [])
        {
            Read("mask." + name, parameter);
        }

        foreach (AdamW.State state in optimizer.States)
        {
            Read("average." + state.Name, state.Average);
            Read("square." + state.Name, state.Square);
        }

        var best = checkpoint.Tensors.Keys.Where(name => name.StartsWith(Prefix + "best.", StringComparison.Ordinal))
            .ToDictionary(name => name[(Prefix + "best.").Length..], name => checkpoint.Read(name).DetachFromDisposeScope());
        return best.Count > 0 ? best : null;
    }
}
