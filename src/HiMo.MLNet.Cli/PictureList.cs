namespace HiMo.MLNet.Cli;

/// <summary>The pictures that a command line names.</summary>
internal static class PictureList
{
    /// <summary>What may stand for pictures, for the help.</summary>
    public const string Help = "Folders (with those in them), picture files, patterns (photos/*.jpg), or .txt files with a path a line.";

    private static readonly string[] s_extensions = [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"];

    /// <exception cref="IOException">There is no such file or folder, or no picture in it; the message names it.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> places) => [.. places.SelectMany(Find)];

    private static IEnumerable<string> Find(string place)
    {
        if (Directory.Exists(place))
        {
            return Matching(place, "*", recurse: true);
        }

        string name = Path.GetFileName(place);
        if (name.AsSpan().ContainsAny('*', '?'))                              // the shells of Windows leave patterns to the program
        {
            return Matching(Path.GetDirectoryName(place) is { Length: > 0 } folder ? folder : ".", name, recurse: false);
        }

        if (!File.Exists(place))
        {
            throw new FileNotFoundException($"'{place}': expected a folder, a picture or a .txt list of pictures, found no such file.");
        }

        return Path.GetExtension(place).Equals(".txt", StringComparison.OrdinalIgnoreCase)
            ? File.ReadLines(place).Where(line => !string.IsNullOrWhiteSpace(line))
            : [place];
    }

    private static string[] Matching(string folder, string pattern, bool recurse)
    {
        string[] found = [.. Directory.EnumerateFiles(folder, pattern, new EnumerationOptions { RecurseSubdirectories = recurse })
            .Where(file => s_extensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)];
        return found.Length > 0
            ? found
            : throw new FileNotFoundException($"'{Path.Combine(folder, pattern)}': expected pictures ({string.Join(", ", s_extensions)}), found none.");
    }
}
