using HiMo.MLNet.Data;

namespace HiMo.MLNet.Cli;

/// <summary>The images that a command line names.</summary>
internal static class ImageList
{
    /// <summary>What may stand for images, for the help.</summary>
    public const string Help = "Folders (with those in them), image files, patterns (photos/*.jpg), or .txt files with a path a line.";

    /// <exception cref="IOException">There is no such file or folder, or no image in it; the message names it.</exception>
    public static IReadOnlyList<string> Find(IEnumerable<string> places) => [.. places.SelectMany(Find)];

    private static IEnumerable<string> Find(string place)
    {
        if (Directory.Exists(place))
        {
            return Checked(place, "*", new FolderFiles(place).Files().Where(ImageFiles.IsImage));
        }

        string name = Path.GetFileName(place);
        if (name.AsSpan().ContainsAny('*', '?'))                              // the shells of Windows leave patterns to the program
        {
            string folder = Path.GetDirectoryName(place) is { Length: > 0 } named ? named : ".";
            return Checked(folder, name, Directory.EnumerateFiles(folder, name, new EnumerationOptions()).Where(ImageFiles.IsImage));
        }

        if (!File.Exists(place))
        {
            throw new FileNotFoundException($"'{place}': expected a folder, an image or a .txt list of images, found no such file.");
        }

        return Path.GetExtension(place).Equals(".txt", StringComparison.OrdinalIgnoreCase) ? Listed(place) : [place];
    }

    private static string[] Checked(string folder, string pattern, IEnumerable<string> files)
    {
        string[] found = [.. files.Order(StringComparer.Ordinal)];
        return found.Length > 0
            ? found
            : throw new FileNotFoundException(
                $"'{Path.Combine(folder, pattern)}': expected images ({string.Join(", ", ImageFiles.Extensions)}), found none.");
    }

    private static IEnumerable<string> Listed(string list)
    {
        foreach ((int i, string line) in File.ReadLines(list).Index())
        {
            if (line.Contains('\0'))
            {
                throw new InvalidDataException($"'{list}', line {i + 1}: expected the path of an image, found a NUL character.");
            }

            if (!string.IsNullOrWhiteSpace(line))
            {
                yield return line;
            }
        }
    }
}
