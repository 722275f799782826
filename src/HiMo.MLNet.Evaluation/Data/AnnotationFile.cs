using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>Tells the format of a file that lists images from how it begins.</summary>
internal static class AnnotationFile
{
    private const int Beginning = 64 * 1024;

    /// <summary>The folder, below that of the data set, where COCO keeps such files.</summary>
    public const string Folder = "annotations";

    /// <summary>Files of a data set's folder, and of its <see cref="Folder"/>, that could list images: paths from the root.</summary>
    public static IEnumerable<string> Candidates(DataRoot root) =>
        new[] { "", Folder }
            .Where(folder => Directory.Exists(root.At(folder)))
            .SelectMany(folder => Directory.EnumerateFiles(root.At(folder))
                .Select(file => Path.Combine(folder, Path.GetFileName(file))))
            .Where(file => Path.GetExtension(file).ToUpperInvariant() is ".JSON" or ".JSONL" or ".JSONLINES" or ".CSV" or ".TSV" or ".TXT"
                or ".TOKEN")
            .Order(StringComparer.Ordinal);

    /// <summary>The name of the format, or <see langword="null"/>.</summary>
    public static string? Recognize(string path)
    {
        byte[] buffer = new byte[Beginning];
        int count;
        try
        {
            using FileStream file = File.OpenRead(path);
            count = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
        }
        catch (IOException e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;                                                      // a link to nothing
        }

        ReadOnlySpan<byte> start = buffer.AsSpan(0, count);
        start = start.StartsWith("\uFEFF"u8) ? start[3..] : start;
        if (Path.GetExtension(path).StartsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            return RecognizeJson(start);
        }

        using StringReader lines = new(System.Text.Encoding.UTF8.GetString(start));
        string firstLine = lines.ReadLine() ?? "";
        string[] columns = firstLine.Split('\t');
        return columns.Contains("filepath") && columns.Contains("title") ? "long-dci"
            : Flickr30k.TryParse(firstLine, out _, out _) ? "flickr30k"
            : null;
    }

    private static string? RecognizeJson(ReadOnlySpan<byte> start)
    {
        HashSet<string> properties = [];
        bool isArray = false;
        try
        {
            Utf8JsonReader reader = new(start, isFinalBlock: false, default);
            isArray = reader.Read() && reader.TokenType == JsonTokenType.StartArray;
            if (isArray && reader.Read() && reader.TokenType == JsonTokenType.StartArray)
            {
                return "cola";
            }

            int depth = reader.CurrentDepth;
            while (reader.Read() && reader.CurrentDepth > depth)
            {
                if (reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == depth + 1)
                {
                    properties.Add(reader.GetString()!);
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // What came before the fault may be enough: reading the file will report it with its place.
        }

        return (isArray, properties) switch
        {
            (true, _) when properties.IsSupersetOf(["image", "conversations"]) => "sharegpt4v",
            (false, _) when properties.IsSupersetOf(["img_path", "caption"]) => "himo-docci",
            (false, _) when properties.IsSupersetOf(["image_file", "description"]) => "docci",
            (false, _) when properties.Contains("images") || properties.Contains("annotations") => "coco",
            _ => null,
        };
    }
}
