namespace HiMo.MLNet.Cli;

/// <summary>The files below a folder, each once, wherever links lead: one to its own folder, or two to the same file.</summary>
internal sealed class FolderFiles(string root)
{
    private static readonly EnumerationOptions s_here = new();                // without what is hidden, and what may not be read

    /// <summary>As many as Linux follows.</summary>
    private const int MostLinks = 40;

    private readonly HashSet<string> _seen = [];
    private readonly Queue<(string Path, string Real)> _folders = [];
    private readonly Queue<string> _links = [];

    public IEnumerable<string> Files()
    {
        Enter(root, RealPath(root));
        do
        {
            while (_folders.TryDequeue(out (string Path, string Real) folder))
            {
                foreach (FileSystemInfo entry in Entries(folder.Path))
                {
                    string path = Path.Combine(folder.Path, entry.Name), real = Path.Combine(folder.Real, entry.Name);
                    if (entry.LinkTarget is not null)
                    {
                        // After the others: a file goes by its own name where it has one here.
                        _links.Enqueue(path);
                    }
                    else if (entry is DirectoryInfo)
                    {
                        Enter(path, real);
                    }
                    else if (_seen.Add(real))
                    {
                        yield return path;
                    }
                }
            }

            if (_links.TryDequeue(out string? link))
            {
                string real = RealPath(link);
                if (Directory.Exists(real))
                {
                    Enter(link, real);
                }
                else if (_seen.Add(real))
                {
                    yield return link;
                }
            }
        }
        while (_folders.Count + _links.Count > 0);
    }

    private static IOrderedEnumerable<FileSystemInfo> Entries(string folder) =>
        new DirectoryInfo(folder).EnumerateFileSystemInfos("*", s_here).OrderBy(entry => entry.Name, StringComparer.Ordinal);

    private void Enter(string path, string real)
    {
        if (_seen.Add(real))
        {
            _folders.Enqueue((path, real));
        }
    }

    private static string RealPath(string path)
    {
        int links = MostLinks;
        return RealPath(Path.GetFullPath(path), ref links);
    }

    /// <summary>The path without links; where they lead in circles, one that is not there.</summary>
    private static string RealPath(string path, ref int links)
    {
        if (Path.GetDirectoryName(path) is not { } parent)
        {
            return path;
        }

        string here = Path.Combine(RealPath(parent, ref links), Path.GetFileName(path));
        return links > 0 && new FileInfo(here).LinkTarget is { } target && links-- > 0
            ? RealPath(Path.GetFullPath(target, Path.GetDirectoryName(here)!), ref links)
            : here;
    }
}
