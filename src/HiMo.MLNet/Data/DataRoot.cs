using System.Collections.Concurrent;

namespace HiMo.MLNet.Data;

/// <summary>
/// The folder that a data set may reach. Data sets come from elsewhere: what they name must stay inside, whether by
/// absolute paths, by <c>..</c> or by links.
/// </summary>
internal sealed class DataRoot
{
    private const int MostLinks = 40;

    private readonly string _realPath;
    private readonly ConcurrentDictionary<string, string> _realFolders = new();

    public DataRoot(string folder)
    {
        FullPath = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        _realPath = Follow(FullPath, MostLinks);
    }

    public string FullPath { get; }

    /// <summary>The first of some subfolders that exists, or the root itself.</summary>
    /// <returns>The subfolder as a prefix for <see cref="Resolve"/>, with a slash at its end; empty for the root.</returns>
    public string FirstFolder(params ReadOnlySpan<string> subfolders)
    {
        foreach (string subfolder in subfolders)
        {
            if (Directory.Exists(Path.Combine(FullPath, subfolder)))
            {
                return subfolder + '/';
            }
        }

        return "";
    }

    /// <summary>The full path of what a data set names. It need not exist.</summary>
    /// <param name="path">Relative to the root, with slashes of either kind.</param>
    /// <param name="source">Where the data set names it.</param>
    /// <exception cref="InvalidDataException">The path is empty, absolute, or leaves the root.</exception>
    public string Resolve(string path, SourceLocation source)
    {
        string normal = path.Replace('\\', '/');
        if (normal.Length == 0 || normal.Contains('\0') || normal.EndsWith('/'))
        {
            throw source.Error($"expected the path of a file, found '{path}'.");
        }

        if (normal[0] == '/' || Path.IsPathRooted(normal) || (normal.Length > 1 && normal[1] == ':'))
        {
            throw source.Error($"expected a path relative to '{FullPath}', found the absolute path '{path}'.");
        }

        foreach (Range segment in normal.AsSpan().Split('/'))
        {
            if (normal.AsSpan(segment) is "..")
            {
                throw source.Error($"the path '{path}' may leave '{FullPath}': '..' is not allowed in a data set.");
            }
        }

        string full = Path.GetFullPath(Path.Combine(FullPath, normal));
        string real = Follow(full, MostLinks);
        string fromRoot = Path.GetRelativePath(_realPath, real);
        if (Path.IsPathRooted(fromRoot) || fromRoot == ".." || fromRoot.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw source.Error($"'{path}' is, or goes through, a link to '{real}', outside '{FullPath}'.");
        }

        return full;
    }

    /// <summary>The path with every link on it followed. Folders are remembered: data sets name few of them, often.</summary>
    private string Follow(string path, int linksLeft)
    {
        if (Path.GetDirectoryName(path) is not string folder)
        {
            return path;
        }

        if (!_realFolders.TryGetValue(folder, out string? realFolder))
        {
            realFolder = Follow(folder, linksLeft);
            _realFolders.TryAdd(folder, realFolder);
        }

        string place = Path.Combine(realFolder, Path.GetFileName(path));
        if (new FileInfo(place).LinkTarget is not string target)
        {
            return place;
        }

        return linksLeft > 0
            ? Follow(Path.GetFullPath(target, realFolder), linksLeft - 1)
            : throw new InvalidDataException($"'{path}': more than {MostLinks} links lead on from each other.");
    }
}
