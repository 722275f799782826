using System.Collections.Concurrent;

namespace HiMo.MLNet.Data;

/// <summary>
/// The folder that a data set may reach. Data sets come from elsewhere: what they name must stay inside, whether by
/// absolute paths, by <c>..</c> or by links.
/// </summary>
internal sealed class DataRoot
{
    private const int MostRemembered = 10_000;

    private readonly string _realPath;
    private readonly ConcurrentDictionary<string, string> _realFolders = new();

    public DataRoot(string folder)
    {
        FullPath = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        _realPath = Follow(FullPath, new SourceLocation(FullPath));
    }

    public string FullPath { get; }

    /// <summary>The path of something in the folder, whether it is there or not; for names that come from the folder itself.</summary>
    public string At(string path) => Path.Combine(FullPath, path);

    /// <summary>The first of some subfolders that exists, or the root itself.</summary>
    /// <returns>The subfolder as a prefix for <see cref="Resolve"/>, with a slash at its end; empty for the root.</returns>
    public string FirstFolder(params ReadOnlySpan<string> subfolders)
    {
        foreach (string subfolder in subfolders)
        {
            if (Directory.Exists(At(subfolder)))
            {
                return subfolder + '/';
            }
        }

        return "";
    }

    /// <summary>The full path of what a data set names. It need not exist.</summary>
    /// <param name="path">Relative to the root, with slashes of either kind.</param>
    /// <param name="source">Where the data set names it.</param>
    /// <exception cref="InvalidDataException">The path is empty, too long, absolute, or leaves the root.</exception>
    public string Resolve(string path, SourceLocation source)
    {
        ClipLimits limits = ClipLimits.Current;
        if (path.Length > limits.PathLength)
        {
            throw source.Error($"{ClipLimits.AtMost(limits.PathLength, "characters of a path")}, found {path.Length}.");
        }

        string shown = path.Quoted();
        string normal = path.Replace('\\', '/');
        if (normal.Length == 0 || normal.Contains('\0') || normal is "." || normal.EndsWith('/')
            || normal.EndsWith("/.", StringComparison.Ordinal))
        {
            throw source.Error($"expected the path of a file, found {shown}.");
        }

        if (normal[0] == '/' || Path.IsPathRooted(normal) || (normal.Length > 1 && normal[1] == ':'))
        {
            throw source.Error($"expected a path relative to '{FullPath}', found the absolute path {shown}.");
        }

        if (normal.Split('/').Contains(".."))
        {
            throw source.Error($"the path {shown} may leave '{FullPath}': '..' is not allowed in a data set.");
        }

        return ResolveFile(normal, source);
    }

    /// <summary>The full path of a file that was found in the root, whatever characters its name has.</summary>
    /// <param name="path">Relative to the root, as the system writes it.</param>
    /// <param name="source">Where it was found.</param>
    /// <exception cref="InvalidDataException">A link leads out of the root.</exception>
    public string ResolveFile(string path, SourceLocation source)
    {
        string full = Path.GetFullPath(At(path));
        string real = Real(full, source);
        string fromRoot = Path.GetRelativePath(_realPath, real);
        if (Path.IsPathRooted(fromRoot) || fromRoot == ".."
            || fromRoot.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw source.Error($"{path.Quoted()} is, or goes through, a link to '{real}', outside '{FullPath}'.");
        }

        return full;
    }

    private static string Follow(string path, SourceLocation source) => RealPath.Of(path)
        ?? throw source.Error($"{path.Quoted()}: more than {RealPath.MostLinks} links lead on from each other.");

    /// <summary>The path with every link on it followed. Folders are remembered: data sets name few of them, often.</summary>
    private string Real(string path, SourceLocation source)
    {
        if (Path.GetDirectoryName(path) is not string folder)
        {
            return path;
        }

        if (!_realFolders.TryGetValue(folder, out string? realFolder))
        {
            if (_realFolders.Count >= MostRemembered)
            {
                _realFolders.Clear();
            }

            _realFolders[folder] = realFolder = Follow(folder, source);
        }

        string place = Path.Combine(realFolder, Path.GetFileName(path));
        return new FileInfo(place).LinkTarget is null ? place : Follow(place, source);
    }
}
