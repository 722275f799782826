namespace HiMo.MLNet;

/// <summary>Files that are there whole or not at all.</summary>
internal static class WholeFile
{
    private const string Partial = ".partial";

    /// <summary>
    /// Writes beside the file under a name of its own, to the disk itself, and renames: an older file survives a failure, and
    /// of two that write one file at a time the last one's stays, whole.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">The folder is not there, or not any more; the message names it.</exception>
    /// <exception cref="IOException">The disk is full or refuses, or the file would be too large for it.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full) ?? full;
        string partial = $"{full}.{Path.GetRandomFileName()[..8]}{Partial}";
        try
        {
            DeleteAbandoned(folder, Path.GetFileName(full));
            using (var file = new FileStream(partial, FileMode.CreateNew, FileAccess.Write, FileShare.None))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }
            File.Move(partial, full, overwrite: true);
        }
        catch (ArgumentOutOfRangeException e) when (e.ParamName == "value")
        {
            // So .NET tells of EFBIG.
            File.Delete(partial);
            throw new IOException($"'{full}' could not be written: it would be larger than its disk or a limit of this process allows.", e);
        }
        catch (Exception e)
        {
            if (!Directory.Exists(folder))
            {
                throw new DirectoryNotFoundException($"'{full}' could not be written: there is no folder '{folder}'.", e);
            }

            File.Delete(partial);
            throw;
        }
    }

    /// <summary>Keeps other processes out of what a file stands for, until the result is disposed.</summary>
    /// <exception cref="IOException">Another one holds it, or it cannot be made.</exception>
    public static FileStream Hold(string path, FileMode mode = FileMode.OpenOrCreate) =>
        new(path, mode, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);

    /// <summary>Deletes what processes that were killed left behind; what another one is writing is locked, and stays.</summary>
    /// <param name="folder">Where to look, not in subfolders.</param>
    /// <param name="files">The names of the files that were to be written, with <c>*</c> and <c>?</c> for any characters.</param>
    public static void DeleteAbandoned(string folder, string files)
    {
        foreach (string partial in Directory.EnumerateFiles(folder, $"{files}.????????{Partial}"))
        {
            try
            {
                Hold(partial, FileMode.Open).Dispose();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process's, or gone by now.
            }
        }
    }
}
