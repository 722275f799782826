using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Modeling;

/// <summary>Moves weights between a model and the files that hold them, by the names of the original state dict.</summary>
internal static class ClipWeights
{
    /// <summary>Begins the names of the tensors that a checkpoint of a training holds beside the model's.</summary>
    public const string TrainingPrefix = "training.";

    /// <summary>
    /// Reads a checkpoint into a new model whose architecture follows from the shapes of its tensors and from what lies beside them
    /// (see <see cref="StoredArchitecture"/>). Weights widen to float32.
    /// </summary>
    /// <param name="path">The checkpoint, or a model zip.</param>
    /// <param name="activation">The activation, whatever the files say; null for theirs.</param>
    /// <param name="warn">Receives a line where nothing says the activation, or what says it is overruled.</param>
    /// <exception cref="CheckpointFormatException">The file is damaged, its tensors are not a CLIP model's, or a configuration file
    /// contradicts them.</exception>
    public static ClipModel Load(string path, ClipActivation? activation = null, Action<string>? warn = null)
    {
        using var zip = ModelArchive.TryOpen(path);
        if (zip is not null)
        {
            return zip.ReadWeights((stream, length) =>
                Read(stream, length, path, null, found => StoredArchitecture.Decide(new(found, path), activation, path, warn)));
        }

        using var checkpoint = Checkpoint.Open(path);
        ClipArchitecture architecture = StoredArchitecture.Decide(StoredArchitecture.Of(checkpoint), activation, path, warn);
        var model = new ClipModel(architecture);
        try
        {
            var missing = new HashSet<string>(Tensors(model).Keys);
            using IDisposable _ = no_grad();
            Dictionary<string, Tensor> targets = Tensors(model);
            foreach (string name in checkpoint.Tensors.Keys.Where(IsModelTensor))
            {
                using Tensor stored = checkpoint.Read(name);
                Copy(model, targets, name, stored, path);
                missing.Remove(name);
            }
            if (missing.Remove("positional_embedding_res"))
            {
                targets["positional_embedding_res"].copy_(targets["positional_embedding"]);
            }
            // BatchNorm's step counters play no part in the result.
            missing.RemoveWhere(name => name.EndsWith("num_batches_tracked", StringComparison.Ordinal));
            if (missing.Count > 0)
            {
                throw new CheckpointFormatException(
                    $"{path}: lacks {missing.Count} tensors of the architecture read off the others ({architecture}): {Listed(missing)}.");
            }

            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Whether <see cref="Load"/> will stretch a checkpoint's positions, from 77 to 248.</summary>
    /// <exception cref="CheckpointFormatException">The file is damaged.</exception>
    public static bool WillStretch(string path)
    {
        using var zip = ModelArchive.TryOpen(path);
        if (zip is not null)
        {
            return false;                                                     // what a zip holds is loaded as it is
        }

        using var checkpoint = Checkpoint.Open(path);
        return StoredArchitecture.IsStretched(checkpoint.Tensors);
    }

    /// <summary>
    /// Writes all tensors as safetensors, under their original names and in the types that they were read in; the architecture is in
    /// the metadata.
    /// </summary>
    public static void Save(ClipModel model, Stream stream)
    {
        using DisposeScope scope = NewDisposeScope();
        Safetensors.Write(stream, [.. Tensors(model).Select(pair =>
            (pair.Key, pair.Value.detach().to(model.StoredTypes.GetValueOrDefault(pair.Key, pair.Value.dtype))))],
            StoredArchitecture.Metadata(model.Architecture));
    }

    /// <summary>Reads what <see cref="Save"/> wrote into a new model; its sizes are known before anything is allocated.</summary>
    /// <param name="stream">The tensors; need not seek.</param>
    /// <param name="length">The bytes that the stream has.</param>
    /// <param name="source">The file, for errors.</param>
    /// <param name="settings">The architecture that it should be, where that is known.</param>
    /// <param name="decide">Sees the architecture of the tensors and gives the one to make; null for the same.</param>
    /// <exception cref="CheckpointFormatException">The stream is damaged, or its tensors are not such a model's.</exception>
    public static ClipModel Read(
        Stream stream, long length, string source, ClipArchitecture? settings = null,
        Func<ClipArchitecture, ClipArchitecture>? decide = null)
    {
        ClipModel? model = null;
        try
        {
            using IDisposable _ = no_grad();
            Dictionary<string, Tensor> targets = [];
            void Allocate(SafetensorsHeader header)
            {
                if (header.DataBytes > length)
                {
                    throw new CheckpointFormatException($"{source}: its tensors take {header.DataBytes} bytes; there are {length}.");
                }

                ClipArchitecture found = StoredArchitecture.Of(header, source, settings);
                targets = Tensors(model = new(decide is null ? found : decide(found)));
            }

            foreach ((string name, Tensor tensor) in Safetensors.ReadSequential(stream, source, Allocate))
            {
                using (tensor)
                {
                    Copy(model!, targets, name, tensor, source);
                }

                targets.Remove(name);
            }

            return targets.Count == 0
                ? model!
                : throw new CheckpointFormatException($"{source}: lacks {targets.Count} tensors of the model: {Listed(targets.Keys)}.");
        }
        catch
        {
            model?.Dispose();
            throw;
        }
    }

    /// <summary>Whether a checkpoint's tensor is the model's, and not the training's that wrote it.</summary>
    public static bool IsModelTensor(string name) => !name.StartsWith(TrainingPrefix, StringComparison.Ordinal);

    /// <summary>Parameters and buffers by name.</summary>
    public static Dictionary<string, Tensor> Tensors(ClipModel model) =>
        model.named_parameters().Select(p => (p.name, tensor: (Tensor)p.parameter))
            .Concat(model.named_buffers().Select(b => (b.name, tensor: b.buffer)))
            .ToDictionary(p => p.name, p => p.tensor);

    private static void Copy(ClipModel model, Dictionary<string, Tensor> targets, string name, Tensor stored, string source)
    {
        if (!targets.TryGetValue(name, out Tensor? target))
        {
            throw new CheckpointFormatException($"{source}: tensor '{name}' is not one of a CLIP model of this architecture.");
        }

        using Tensor? stretched = name == "positional_embedding"
            && stored.shape is [StoredArchitecture.ShortContext, _] && target.shape[0] == 248
            ? PositionStretching.To248(stored) : null;
        Tensor value = stretched ?? stored;
        if (!value.shape.SequenceEqual(target.shape))
        {
            throw new CheckpointFormatException(
                $"{source}: tensor '{name}' should have the shape ({string.Join(", ", target.shape)}), as the other tensors say; it has "
                + $"({string.Join(", ", stored.shape)}).");
        }

        if (value.is_floating_point() && value.numel() > 0)
        {
            using DisposeScope scope = NewDisposeScope();
            // Extremes carry NaN and infinities and, unlike isfinite, need no memory of the tensor's size.
            Tensor low = value.min().to(ScalarType.Float32), high = value.max().to(ScalarType.Float32);
            if (!float.IsFinite(low.item<float>()) || !float.IsFinite(high.item<float>()))
            {
                throw new CheckpointFormatException($"{source}: tensor '{name}' holds NaN or infinite values.");
            }
        }
        target.copy_(value);
        if (stretched is null && stored.is_floating_point() && stored.dtype != ScalarType.Float32)
        {
            model.StoredTypes[name] = stored.dtype;
        }
    }

    internal static string Listed(IEnumerable<string> names)
    {
        string[] all = [.. names.Order(StringComparer.Ordinal)];
        return string.Join(", ", all.Take(12)) + (all.Length > 12 ? $", … ({all.Length} in all)" : "");
    }
}
