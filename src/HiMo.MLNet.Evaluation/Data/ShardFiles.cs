using System.Globalization;
using System.Text.RegularExpressions;

namespace HiMo.MLNet.Data;

/// <summary>The files that a path with braces (<c>shards/{00000..00012}.tar</c>) or <c>*</c> and <c>?</c> means, or those in a
/// folder.</summary>
internal static partial class ShardFiles
{
    private static readonly EnumerationOptions s_visible = new();

    /// <param name="pattern">A file, a folder, or a pattern of files.</param>
    /// <param name="extension">Of the files in a folder.</param>
    /// <returns>The folder that all of them are below, and their full paths, in the order of the numbers or else of the names.</returns>
    /// <exception cref="FileNotFoundException">One is not there, or none.</exception>
    /// <exception cref="InvalidDataException">There are more than <see cref="ClipLimits.ImagesHeld"/>.</exception>
    public static (string Folder, IReadOnlyList<string> Files) Find(string pattern, string extension)
    {
        string full = Path.GetFullPath(pattern);
        if (Directory.Exists(full))
        {
            return (full, Found(pattern, full, "*" + extension));
        }

        string folder = Path.GetDirectoryName(full) ?? full, name = Path.GetFileName(full);
        if (File.Exists(full))
        {
            return (folder, [full]);
        }

        if (Braces().IsMatch(full))
        {
            string[] files = [.. Expand(full).Take(ClipLimits.Current.ImagesHeld)];
            string root = Path.GetDirectoryName(full[..Braces().Match(full).Index] + "x")!;
            return Array.Find(files, file => !File.Exists(file)) is not { } missing ? (root, files)
                : throw new FileNotFoundException($"'{pattern}': expected {files.Length} files, found no '{missing}'.", missing);
        }

        return name.AsSpan().ContainsAny('*', '?') && Directory.Exists(folder) ? (folder, Found(pattern, folder, name))
            : throw new FileNotFoundException($"Expected a data set at '{full}', found no such folder or file.", full);
    }

    private static string[] Found(string pattern, string folder, string name)
    {
        string[] files = [.. Directory.EnumerateFiles(folder, name, s_visible).Order(StringComparer.Ordinal)];
        return files.Length > 0 ? files
            : throw new FileNotFoundException($"'{pattern}': expected files '{name}' in '{folder}', found none.");
    }

    // The leftmost braces change slowest; numbers are as wide as the first one is written.
    private static IEnumerable<string> Expand(string path)
    {
        Match braces = Braces().Match(path);
        if (!braces.Success)
        {
            return [path];
        }

        string first = braces.Groups["first"].Value, last = braces.Groups["last"].Value;
        string before = path[..braces.Index], after = path[(braces.Index + braces.Length)..];
        IEnumerable<string> values = first.Length == 0 ? braces.Groups["words"].Value.Split(',') : Numbers(first, last);
        return values.SelectMany(value => Expand(after).Select(rest => before + value + rest));
    }

    private static IEnumerable<string> Numbers(string first, string last)
    {
        int end = int.Parse(last, CultureInfo.InvariantCulture);
        for (int i = int.Parse(first, CultureInfo.InvariantCulture); i <= end; i++)
        {
            yield return i.ToString(CultureInfo.InvariantCulture).PadLeft(first.Length, '0');
        }
    }

    [GeneratedRegex(@"\{(?:(?<first>\d{1,9})\.\.(?<last>\d{1,9})|(?<words>[^{}]*,[^{}]*))\}", RegexOptions.ExplicitCapture)]
    private static partial Regex Braces();
}
