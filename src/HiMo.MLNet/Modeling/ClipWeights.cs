using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Modeling;

/// <summary>Moves weights between a model and the files that hold them, by the names of the original state dict.</summary>
internal static class ClipWeights
{
    /// <summary>The original CLIP's context, stretched to 248 tokens on loading.</summary>
    private const int ShortContext = 77;

    /// <summary>Begins the names of the tensors that a checkpoint of a training holds beside the model's.</summary>
    public const string TrainingPrefix = "training.";

    /// <summary>Reads a checkpoint into a new model whose sizes follow from the shapes of its tensors. Weights widen to float32.</summary>
    /// <exception cref="CheckpointFormatException">The file is damaged, or its tensors are not a CLIP model's.</exception>
    public static ClipModel Load(string path)
    {
        using var zip = ModelArchive.TryOpen(path);
        if (zip is not null)
        {
            return zip.Entries.Read(ModelArchive.WeightsEntry, (stream, length) => Read(stream, length, path));
        }

        using var checkpoint = Checkpoint.Open(path);
        ClipArchitecture architecture = Infer(checkpoint.Tensors, path);
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
                throw new CheckpointFormatException($"{path}: lacks {missing.Count} tensors of the architecture read off the others ({architecture}): {Listed(missing)}.");
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
        return checkpoint.Tensors.TryGetValue("positional_embedding", out TensorInfo? positions) && positions.Shape is [ShortContext, _];
    }

    /// <summary>Writes all tensors as safetensors, under their original names and in the types that they were read in.</summary>
    public static void Save(ClipModel model, Stream stream)
    {
        using DisposeScope scope = NewDisposeScope();
        Safetensors.Write(stream, [.. Tensors(model).Select(pair =>
            (pair.Key, pair.Value.detach().to(model.StoredTypes.GetValueOrDefault(pair.Key, pair.Value.dtype))))]);
    }

    /// <summary>Reads what <see cref="Save"/> wrote into a new model; its sizes are known before anything is allocated.</summary>
    /// <param name="stream">The tensors; need not seek.</param>
    /// <param name="length">The bytes that the stream has.</param>
    /// <param name="source">The file, for errors.</param>
    /// <param name="expected">The architecture that it should be, where that is known.</param>
    /// <exception cref="CheckpointFormatException">The stream is damaged, or its tensors are not such a model's.</exception>
    public static ClipModel Read(Stream stream, long length, string source, ClipArchitecture? expected = null)
    {
        ClipModel? model = null;
        try
        {
            using IDisposable _ = no_grad();
            Dictionary<string, Tensor> targets = [];
            void Allocate(SafetensorsHeader header) => targets = Tensors(model = new(Architecture(header, length, source, expected)));
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

    private static ClipArchitecture Architecture(SafetensorsHeader header, long length, string source, ClipArchitecture? expected)
    {
        if (header.DataBytes > length)
        {
            throw new CheckpointFormatException($"{source}: its tensors take {header.DataBytes} bytes; there are {length}.");
        }

        var tensors = header.Tensors.ToDictionary(t => t.Name);
        ClipArchitecture found = Infer(tensors, source) with { ContextLength = (int)tensors["positional_embedding"].Shape[0] };
        return expected is null || expected.ToString() == found.ToString()
            ? found
            : throw new CheckpointFormatException(
                $"{source}: expected the tensors of the architecture in the settings ({expected}), found those of another ({found}).");
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

        using Tensor? stretched = name == "positional_embedding" && stored.shape is [ShortContext, _] && target.shape[0] == 248
            ? PositionStretching.To248(stored) : null;
        Tensor value = stretched ?? stored;
        if (!value.shape.SequenceEqual(target.shape))
        {
            throw new CheckpointFormatException(
                $"{source}: tensor '{name}' should have the shape ({string.Join(", ", target.shape)}), as the other tensors say; it has ({string.Join(", ", stored.shape)}).");
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

    /// <summary>Reads every size off the shapes of a checkpoint's tensors (the original code's build_model).</summary>
    public static ClipArchitecture Infer(IReadOnlyDictionary<string, TensorInfo> tensors, string path)
    {
        long[] Shape(string name, int rank)
        {
            if (!tensors.TryGetValue(name, out TensorInfo? info))
            {
                throw new CheckpointFormatException($"{path}: holds no tensor '{name}', which every CLIP model has. It has: {Listed(tensors.Keys)}.");
            }

            if (info.Shape.Length != rank)
            {
                throw new CheckpointFormatException($"{path}: tensor '{name}' should have {rank} dimensions; it has the shape ({string.Join(", ", info.Shape)}).");
            }

            return info.Shape;
        }
        int Blocks(string prefix) => tensors.Keys
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => name[prefix.Length..].Split('.')[0]).Distinct().Count();

        long[] positions = Shape("positional_embedding", 2), projection = Shape("text_projection", 2);
        long[] conv1 = Shape("visual.conv1.weight", 4);
        bool transformer = tensors.ContainsKey("visual.proj");
        ClipArchitecture architecture = transformer
            ? new ClipArchitecture((int)projection[1], (int)conv1[2] * Side(Shape("visual.positional_embedding", 2)[0] - 1),
                [Blocks("visual.transformer.resblocks.")], (int)conv1[0], (int)conv1[2], (int)projection[0], Blocks("transformer.resblocks."))
            : new ClipArchitecture((int)projection[1], 32 * Side(Shape("visual.attnpool.positional_embedding", 2)[0] - 1),
                [.. Enumerable.Range(1, 4).Select(stage => Blocks($"visual.layer{stage}."))], (int)conv1[0] * 2, null, (int)projection[0], Blocks("transformer.resblocks."));
        architecture = architecture with
        {
            ContextLength = positions[0] == ShortContext ? 248 : (int)positions[0],
            VocabularySize = (int)Shape("token_embedding.weight", 2)[0],
        };
        try
        {
            architecture.Validate();
        }
        catch (ArgumentException e)
        {
            throw new CheckpointFormatException($"{path}: the shapes of its tensors are those of no CLIP model: {e.Message}", e);
        }
        // Before anything is allocated: sizes that agree tensor by tensor cannot ask for much more than the file holds.
        double elements = tensors.Values.Sum(t => t.Shape.Aggregate(1.0, (product, size) => product * size));
        if (architecture.MinimalParameterCount > elements + (2.0 * architecture.ContextLength * architecture.TextWidth))
        {
            throw new CheckpointFormatException(
                $"{path}: its tensors hold {elements:n0} numbers; the architecture that their shapes suggest ({architecture}) needs {architecture.MinimalParameterCount:n0} or more.");
        }

        return architecture;

        static int Side(long positions) => (int)Math.Sqrt(positions);
    }

    private static string Listed(IEnumerable<string> names)
    {
        string[] all = [.. names.Order(StringComparer.Ordinal)];
        return string.Join(", ", all.Take(12)) + (all.Length > 12 ? $", … ({all.Length} in all)" : "");
    }
}
