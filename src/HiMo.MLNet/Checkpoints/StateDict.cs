namespace HiMo.MLNet.Checkpoints;

/// <summary>Finds the named tensors in what a pickle holds.</summary>
internal static class StateDict
{
    /// <summary>Names under which training codes put the state dict inside a larger dictionary, most telling first.</summary>
    private static readonly string[] Wrappers =
        ["state_dict", "model_state_dict", "model_state", "model", "module", "net", "network", "clip", "weights", "params"];

    private const int WrapperDepth = 4;

    /// <summary>The tensors with their names; entries that are not tensors are skipped.</summary>
    /// <param name="root">The value of the pickle.</param>
    /// <param name="file">The file, for errors.</param>
    /// <param name="place">The pickle in it, for errors.</param>
    internal static List<(string Name, PickleTensor Tensor)> Collect(object? root, string file, string place)
    {
        var collector = new Collector(file, place);
        switch (root)
        {
            case PickleModule module:
                collector.AddModule(module, "", 0);
                break;

            case Dictionary<string, object?> dictionary:
                Dictionary<string, object?> found = Unwrap(dictionary, WrapperDepth, []) ?? throw CheckpointFormatException.At(
                    file, place, $"expected a state dict, or one under {string.Join(", ", Wrappers)}; found a dictionary of "
                    + string.Join(", ", dictionary.Keys.Take(8).Select(Quoting.Quoted)));
                foreach ((string? key, object? value) in found)
                {
                    if (value is PickleTensor tensor)
                    {
                        collector.Add(key, tensor);
                    }
                }

                break;

            default:
                throw CheckpointFormatException.At(file, place, $"expected a state dict, found {root?.GetType().Name ?? "None"}");
        }

        return collector.Tensors;
    }

    private sealed class Collector(string file, string place)
    {
        private readonly ClipLimits _limits = ClipLimits.Current;
        private long _modules, _attributes;

        public List<(string Name, PickleTensor Tensor)> Tensors { get; } = [];

        public void AddModule(PickleModule module, string prefix, int depth)
        {
            // A module may occur under any number of names, and in itself: what counts is what is walked through.
            _attributes += module.Attributes.Count;
            string? exceeded =
                depth > _limits.ModuleDepth ? ClipLimits.AtMost(_limits.ModuleDepth, "modules inside each other")
                : ++_modules > _limits.Tensors ? ClipLimits.AtMost(_limits.Tensors, "modules")
                : _attributes > _limits.PickleInstructions ? ClipLimits.AtMost(_limits.PickleInstructions, "attributes of modules")
                : null;
            if (exceeded is not null)
            {
                throw CheckpointFormatException.At(file, place, $"{exceeded}, found more at {prefix.Quoted()}");
            }

            foreach ((string? key, object? value) in module.Attributes)
            {
                if (value is PickleTensor tensor)
                {
                    Add(prefix + key, tensor);
                }
                else if (value is PickleModule child)
                {
                    CheckName(prefix.Length + key.Length, key);
                    AddModule(child, $"{prefix}{key}.", depth + 1);
                }
            }
        }

        public void Add(string name, PickleTensor tensor)
        {
            CheckName(name.Length, name);
            if (Tensors.Count == _limits.Tensors)
            {
                throw CheckpointFormatException.At(file, place, ClipLimits.AtMost(_limits.Tensors, "tensors"));
            }

            Tensors.Add((name, tensor));
        }

        private void CheckName(int length, string shown)
        {
            if (length == 0 || length > _limits.TensorNameLength)
            {
                throw CheckpointFormatException.At(file, place,
                    $"a name of {length} characters with {shown.Quoted()}: expected one or more, and "
                    + ClipLimits.AtMost(_limits.TensorNameLength, "characters"));
            }
        }
    }

    /// <param name="dictionary">Where to look.</param>
    /// <param name="depth">How many wrappers may still follow.</param>
    /// <param name="seen">Dictionaries looked at: one may be wrapped many times over, and in itself.</param>
    private static Dictionary<string, object?>? Unwrap(Dictionary<string, object?> dictionary, int depth, HashSet<object> seen)
    {
        if (!seen.Add(dictionary))
        {
            return null;
        }

        foreach (string wrapper in Wrappers)
        {
            if (depth > 0
                && dictionary.TryGetValue(wrapper, out object? value)
                && value is Dictionary<string, object?> inner
                && Unwrap(inner, depth - 1, seen) is { } found)
            {
                return found;
            }
        }

        return dictionary.Values.Any(value => value is PickleTensor) ? dictionary : null;
    }
}
