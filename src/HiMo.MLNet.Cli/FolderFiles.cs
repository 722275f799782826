using HiMo.MLNet.Data;

namespace HiMo.MLNet.Cli;

/// <summary>The files below a folder, each once, wherever links lead: one to its own folder, or two to the same file.</summary>
internal sealed class FolderFiles(string root)
{
    private static readonly EnumerationOptions s_here = new();                // without what is hidden, and what may not be read

    private readonly HashSet<string> _seen = [];
    private readonly Queue<(string Path, string Real)> _folders = [];
    private readonly Queue<string> _links = [];

    public IEnumerable<string> Files()
    {
        Enter(root, Real(root));
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
                string real = Real(link);
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

    // Where links lead in circles, the link itself.
    private static string Real(string path) => RealPath.Of(Path.GetFullPath(path)) ?? path;
}
