namespace HiMo.MLNet.Onnx;

/// <summary>The two graphs of an exported model.</summary>
/// <param name="Vision">The image tower's file.</param>
/// <param name="Text">The text tower's file.</param>
/// <param name="Zip">What to call the model zip that they were in, in errors; null for files of their own.</param>
internal sealed record OnnxFiles(string Vision, string Text, string? Zip = null)
{
    private const string VisionPrefix = "vision_model", TextPrefix = "text_model", Extension = ".onnx";

    // The first that is there; the last is what Hugging Face's own exports call int8.
    private static readonly string[] s_precisions = ["", "_fp16", "_int8", "_quantized"];

    /// <summary>What image towers are called.</summary>
    public static IEnumerable<string> VisionNames => s_precisions.Select(precision => VisionPrefix + precision + Extension);

    /// <summary>The text tower beside an image tower.</summary>
    public static string TextName(string visionName) => TextPrefix + visionName[VisionPrefix.Length..];

    /// <summary>The name of a file in a model zip: its own, or without the ending that somebody gave it.</summary>
    public static string EntryName(string path)
    {
        string name = Path.GetFileName(path), prefix = name.StartsWith(VisionPrefix, StringComparison.Ordinal) ? VisionPrefix : TextPrefix;
        bool usual = s_precisions.Any(precision => name.StartsWith(prefix + precision + Extension, StringComparison.Ordinal));
        return usual ? name : prefix + name[name.LastIndexOf(Extension, StringComparison.OrdinalIgnoreCase)..].ToLowerInvariant();
    }

    /// <summary>A file's name in errors.</summary>
    public string Named(string path) => Zip is null ? path : $"{Zip}: {Path.GetFileName(path)}";

    /// <summary>The graphs that a path names.</summary>
    /// <param name="path">One of the two files, the folder that they are in, or the folder above it.</param>
    /// <returns>Null where there are none.</returns>
    /// <exception cref="CheckpointFormatException">One of the two is missing.</exception>
    public static OnnxFiles? Find(string path)
    {
        if (!Directory.Exists(path))
        {
            return IsGraph(path) ? OfFile(path) : null;
        }

        foreach (string folder in (string[])[path, Path.Combine(path, "onnx")])
        {
            foreach (string name in VisionNames)
            {
                string vision = Path.Combine(folder, name);
                if (File.Exists(vision))
                {
                    return OfFile(vision);
                }
            }
        }

        return null;
    }

    /// <summary>Whether the path names graphs and nothing else: one of them, or a folder without other weights.</summary>
    public static bool AreAll(string path) => !Directory.Exists(path)
        || !Directory.EnumerateFiles(path).Any(file => Path.GetExtension(file) is ".safetensors" or ".bin" or ".pt" or ".pth");

    private static bool IsGraph(string path) =>
        File.Exists(path) && Path.GetExtension(path).Equals(Extension, StringComparison.OrdinalIgnoreCase);

    private static OnnxFiles OfFile(string path)
    {
        string folder = Path.GetDirectoryName(path)!, name = Path.GetFileName(path);
        string precision = name.StartsWith(VisionPrefix, StringComparison.Ordinal) ? name[VisionPrefix.Length..]
            : name.StartsWith(TextPrefix, StringComparison.Ordinal) ? name[TextPrefix.Length..]
            : throw new CheckpointFormatException(
                $"{path}: expected {VisionPrefix}*{Extension} or {TextPrefix}*{Extension}, as 'himo export' names them.");
        var files = new OnnxFiles(Path.Combine(folder, VisionPrefix + precision), Path.Combine(folder, TextPrefix + precision));
        foreach (string file in (string[])[files.Vision, files.Text])
        {
            if (!File.Exists(file))
            {
                throw new CheckpointFormatException($"{file}: expected the graph beside {name}, found no such file.");
            }
        }

        return files;
    }
}
