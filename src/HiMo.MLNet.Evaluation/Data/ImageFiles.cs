namespace HiMo.MLNet.Data;

/// <summary>Image files below a folder, told by their extension.</summary>
internal static class ImageFiles
{
    private static readonly EnumerationOptions Visible = new();

    public static IReadOnlyList<string> Extensions { get; } = [".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"];

    public static bool IsImage(string path) => Extensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Paths from the root, with slashes: a folder's images by name, then those of its subfolders. Hidden files are left
    /// out, and links to folders are not entered, so that no image comes twice.
    /// </summary>
    /// <exception cref="InvalidDataException">A link leads out of the root.</exception>
    public static IEnumerable<string> Below(DataRoot root, string folder = "")
    {
        DirectoryInfo directory = new(root.At(folder));
        string prefix = folder.Length == 0 ? "" : folder + '/';
        foreach (string name in directory.EnumerateFiles("*", Visible).Select(f => f.Name).Where(IsImage).Order(StringComparer.Ordinal))
        {
            yield return prefix + name;
        }

        foreach (DirectoryInfo sub in directory.EnumerateDirectories("*", Visible).OrderBy(d => d.Name, StringComparer.Ordinal))
        {
            if (sub.LinkTarget is not null)
            {
                root.ResolveFile(prefix + sub.Name, new SourceLocation(directory.FullName));
                continue;
            }

            foreach (string image in Below(root, prefix + sub.Name))
            {
                yield return image;
            }
        }
    }
}
