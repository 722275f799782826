namespace HiMo.MLNet;

/// <summary>Folders that get all of some files, or none of them.</summary>
internal static class WholeFolder
{
    private const string Partial = ".partial", Lock = "lock", New = "new", Older = "older";

    /// <summary>
    /// Writes the files into a folder of their own, and moves them when all are there: a new folder appears whole. In one that is
    /// there already they take the places of older ones, which come back if one cannot be replaced, and what else it holds stays.
    /// </summary>
    /// <param name="path">The folder, made if need be with those above it.</param>
    /// <param name="write">Receives the folder to write into.</param>
    /// <exception cref="IOException">The place is a file's or cannot be written, which the message says; or the disk is full.</exception>
    public static void Write(string path, Action<string> write)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(full))
        {
            throw new IOException($"'{full}' cannot be written: expected a folder, found a file.");
        }

        bool isNew = !Directory.Exists(full);
        // Inside a folder that is there: the one above may be on another disk, or not be writable.
        string name = $"{(isNew ? Path.GetFileName(full) : "")}.{Path.GetRandomFileName()[..8]}{Partial}";
        string above = isNew ? Path.GetDirectoryName(full) ?? full : full, partial = Path.Combine(above, name);
        using (FileStream held = Begin(full, above, partial))
        {
            try
            {
                write(Path.Combine(partial, New));
                FlushToDisk(Path.Combine(partial, New));
                if (isNew && !Directory.Exists(full))
                {
                    Directory.Move(Path.Combine(partial, New), full);
                }
                else
                {
                    Replace(partial, full);
                }
            }
            catch
            {
                held.Dispose();
                Discard(partial);
                throw;
            }
        }

        Directory.Delete(partial, recursive: true);
    }

    private static FileStream Begin(string full, string above, string partial)
    {
        try
        {
            Directory.CreateDirectory(above);
            DeleteAbandoned(above, Path.GetFileName(partial));
            Directory.CreateDirectory(Path.Combine(partial, New));
            return new FileStream(Path.Combine(partial, Lock), FileMode.CreateNew, FileAccess.Write, FileShare.None);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{full}' cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Deletes what processes that were killed left behind; what another one is writing is locked, and stays.</summary>
    private static void DeleteAbandoned(string above, string partial)
    {
        string pattern = partial[..^(Partial.Length + 8)] + "????????" + Partial;
        foreach (string folder in Directory.EnumerateDirectories(above, pattern))
        {
            try
            {
                new FileStream(Path.Combine(folder, Lock), FileMode.Open, FileAccess.ReadWrite, FileShare.None).Dispose();
                Discard(folder);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Another process's, or gone by now.
            }
        }
    }

    // Not with older files in it, which could not be put back.
    private static void Discard(string partial)
    {
        string older = Path.Combine(partial, Older);
        if (!Directory.Exists(older) || !Directory.EnumerateFiles(older, "*", SearchOption.AllDirectories).Any())
        {
            Directory.Delete(partial, recursive: true);
        }
    }

    private static void FlushToDisk(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
            file.Flush(flushToDisk: true);
        }
    }

    private static void Replace(string partial, string full)
    {
        string from = Path.Combine(partial, New), older = Path.Combine(partial, Older);
        var placed = new List<string>();
        var kept = new List<string>();
        try
        {
            foreach (string path in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
            {
                string file = Path.GetRelativePath(from, path);
                string target = Path.Combine(full, file);
                if (File.Exists(target))
                {
                    Move(target, Path.Combine(older, file));
                    kept.Add(file);
                }

                Move(path, target);
                placed.Add(file);
            }
        }
        catch
        {
            placed.ForEach(file => File.Delete(Path.Combine(full, file)));
            kept.ForEach(file => Move(Path.Combine(older, file), Path.Combine(full, file)));
            throw;
        }
    }

    private static void Move(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Move(from, to);
    }
}
