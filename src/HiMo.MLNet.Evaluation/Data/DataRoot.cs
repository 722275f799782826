using System.Collections.Concurrent;

namespace HiMo.MLNet.Data;

/// <summary>
/// The folder that a data set may reach. Data sets come from elsewhere: what they name must stay inside, whether by
/// absolute paths, by <c>..</c> or by links.
/// </summary>
internal sealed class DataRoot
{
    private const int MostLinks = 40;
    private const int MostRemembered = 10_000;

    private static readonly char[] s_separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];

    private readonly string _realPath;
    private readonly ConcurrentDictionary<string, string> _realFolders = new();

    public DataRoot(string folder)
    {
        FullPath = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        _realPath = Follow(FullPath, new SourceLocation(FullPath));
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
    /// <exception cref="InvalidDataException">The path is empty, too long, absolute, or leaves the root.</exception>
    public string Resolve(string path, SourceLocation source)
    {
        ClipLimits limits = ClipLimits.Current;
        if (path.Length > limits.PathLength)
        {
            throw source.Error($"{ClipLimits.AtMost(limits.PathLength, "characters of a path")}, found {path.Length}.");
        }

        string shown = CheckpointFormatException.Quote(path);
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

        foreach (Range segment in normal.AsSpan().Split('/'))
        {
            if (normal.AsSpan(segment) is "..")
            {
                throw source.Error($"the path {shown} may leave '{FullPath}': '..' is not allowed in a data set.");
            }
        }

        return ResolveFile(normal, source);
    }

    /// <summary>The full path of a file that was found in the root, whatever characters its name has.</summary>
    /// <param name="path">Relative to the root, as the system writes it.</param>
    /// <param name="source">Where it was found.</param>
    /// <exception cref="InvalidDataException">A link leads out of the root.</exception>
    public string ResolveFile(string path, SourceLocation source)
    {
        string full = Path.GetFullPath(Path.Combine(FullPath, path));
        string real = Real(full, source);
        string fromRoot = Path.GetRelativePath(_realPath, real);
        if (Path.IsPathRooted(fromRoot) || fromRoot == ".."
            || fromRoot.StartsWith(".." + Path.DirectorySeparatorChar, StringComparison.Ordinal))
        {
            throw source.Error($"{CheckpointFormatException.Quote(path)} is, or goes through, a link to '{real}', outside '{FullPath}'.");
        }

        return full;
    }

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

    /// <summary>Walks as the system does: <c>..</c> in a link's target goes up from the folder that was really reached.</summary>
    private static string Follow(string path, SourceLocation source)
    {
        string real = "";
        Stack<string> rest = [];
        int links = 0;
        GoTo(path);
        while (rest.TryPop(out string? name))
        {
            if (name == "..")
            {
                real = Path.GetDirectoryName(real) ?? real;
                continue;
            }

            string place = Path.Combine(real, name);
            if (new FileInfo(place).LinkTarget is not string target)
            {
                real = place;
                continue;
            }

            if (++links > MostLinks)
            {
                throw source.Error($"{CheckpointFormatException.Quote(path)}: more than {MostLinks} links lead on from each other.");
            }

            GoTo(target);
        }

        return real;

        void GoTo(string target)
        {
            string start = Path.GetPathRoot(target)!;
            real = start.Length > 0 ? start : real;
            foreach (string name in target[start.Length..].Split(s_separators).Reverse())
            {
                if (name is not ("" or "."))
                {
                    rest.Push(name);
                }
            }
        }
    }
}
