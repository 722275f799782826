namespace HiMo.MLNet.Onnx;

/// <summary>The two graphs of an exported model.</summary>
/// <param name="Vision">The image tower's file.</param>
/// <param name="Text">The text tower's file.</param>
internal sealed record OnnxFiles(string Vision, string Text)
{
    private const string VisionName = "vision_model", TextName = "text_model", Extension = ".onnx";

    // The first that is there; the last is what Hugging Face's own exports call int8.
    private static readonly string[] s_precisions = ["", "_fp16", "_int8", "_quantized"];

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
            foreach (string precision in s_precisions)
            {
                string vision = Path.Combine(folder, VisionName + precision + Extension);
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
        string precision = name.StartsWith(VisionName, StringComparison.Ordinal) ? name[VisionName.Length..]
            : name.StartsWith(TextName, StringComparison.Ordinal) ? name[TextName.Length..]
            : throw new CheckpointFormatException(
                $"{path}: expected {VisionName}*{Extension} or {TextName}*{Extension}, as 'himo export' names them.");
        var files = new OnnxFiles(Path.Combine(folder, VisionName + precision), Path.Combine(folder, TextName + precision));
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
