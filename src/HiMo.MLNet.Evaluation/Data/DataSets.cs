namespace HiMo.MLNet.Data;

/// <summary>Opens data sets by path, with or without the name of their format.</summary>
internal static class DataSets
{
    private static readonly Format[] Formats =
    [
        new("urban1k", "folders 'image' and 'caption'", (root, _) => Urban1k.Read(root)) { IsLaidOut = Urban1k.IsLaidOut },
        new("image-folder", "images with a .txt beside each", (root, _) => ImageFolder.Read(root))
        {
            IsLaidOut = ImageFolder.IsLaidOut,
            Notes = ImageFolder.Notes,
        },
        new("sharegpt4v", "a .json array of {image, conversations}", ShareGpt4v.Read),
        new("docci", "a .jsonl or .jsonlines of {image_file, description}", (root, file) => Docci.Read(root, file)),
        new("docci-train", "as docci, the rows of split 'train'", (root, file) => Docci.Read(root, file, "train")) { ListedAs = "docci" },
        new("docci-test", "as docci, the rows of split 'test'", (root, file) => Docci.Read(root, file, "test")) { ListedAs = "docci" },
        new("long-dci", "a .csv or .tsv with tabs and columns 'filepath' and 'title'", LongDci.Read),
        new("coco", "a *caption*.json of {images, annotations}, also in 'annotations'", Coco.Read),
        new("flickr30k", "a .token or .txt of lines 'name.jpg#k', tab, caption", Flickr30k.Read),
        new("himo-docci", "a .json of lines {img_path, caption: [texts]}", HiMoDocci.Read),
        new("cola", "a .json array of [image A, caption A, image B, caption B]", ColaMulti.Read),
        new("class-folder", "two or more folders of images, one for each class", (root, _) => ClassFolder.Read(root))
        {
            IsLaidOut = ClassFolder.IsLaidOut,
        },
    ];

    /// <summary>Opens a folder, or the file in it that lists the images.</summary>
    /// <param name="location">The path, after the name of a format and a colon if one is meant: <c>urban1k:data/Urban1k</c>; of shards
    /// with <see cref="ShardOptions"/> behind it.</param>
    /// <exception cref="ArgumentException">No such format.</exception>
    /// <exception cref="FileNotFoundException">No such folder or file.</exception>
    /// <exception cref="InvalidDataException">The format is not found there, or several are.</exception>
    public static DataSet Open(string location)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(location);

        // One letter before a colon is a drive.
        int colon = location.IndexOf(':');
        return colon > 1 && !Path.Exists(location) ? Open(location[(colon + 1)..], location[..colon]) : Open(location, "auto");
    }

    /// <summary>Opens a folder, or the file in it that lists the images, in a named format or <c>auto</c>.</summary>
    /// <inheritdoc cref="Open(string)"/>
    public static DataSet Open(string path, string format)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(format);
        if (ShardedSet.TryOpen(path, format) is { } sharded)
        {
            return sharded;
        }

        Format? wanted = Array.Find(Formats, f => f.Name == format);
        if (wanted is null && format != "auto")
        {
            IEnumerable<string> known = Formats.Select(f => f.Name).Concat(ShardedSet.Formats);
            throw new ArgumentException(
                $"Expected a format out of auto, {string.Join(", ", known)}, found '{format}'.", nameof(format));
        }

        string full = Path.GetFullPath(path);
        return File.Exists(full) ? OpenFile(full, wanted)
            : Directory.Exists(full) ? OpenFolder(full, wanted)
            : throw new FileNotFoundException($"Expected a data set at '{full}', found no such folder or file.", full);
    }

    private static DataSet OpenFile(string file, Format? wanted)
    {
        string? listed = AnnotationFile.Recognize(file);
        Format? format = wanted ?? Array.Find(Formats, f => f.Name == listed);
        if (format is null || format.IsLaidOut is not null || (listed ?? format.ListedAs) != format.ListedAs)
        {
            throw new InvalidDataException($"'{file}': {LookedFor(wanted)} It looks like {listed ?? "none of these"}.");
        }

        string folder = Path.GetDirectoryName(file)!;
        return Make(format, new DataRoot(Path.GetFileName(folder) == AnnotationFile.Folder ? Path.GetDirectoryName(folder)! : folder),
            file);
    }

    private static DataSet OpenFolder(string folder, Format? wanted)
    {
        DataRoot root = new(folder);
        Format? laidOut = Array.Find(Formats, f => (wanted ?? f) == f && f.IsLaidOut is not null && f.IsLaidOut(root));

        // Folders of images are also what many a listing file lists.
        if (laidOut is not null && (wanted is not null || laidOut.Name != "class-folder"))
        {
            return Make(laidOut, root, folder);
        }

        (Format Format, string File)[] listings = [.. AnnotationFile.Candidates(root)
            .Select(file => (Listed: AnnotationFile.Recognize(Path.Combine(folder, file)), File: file))
            .Where(found => found.Listed is not null && found.Listed == (wanted?.ListedAs ?? found.Listed))
            .Where(found => found.Listed != "coco" || Path.GetFileName(found.File).Contains("caption", StringComparison.OrdinalIgnoreCase))
            .Select(found => (wanted ?? Array.Find(Formats, f => f.Name == found.Listed)!, found.File))];
        return listings switch
        {
            [(Format format, string file)] => Make(format, root, root.Resolve(file, new SourceLocation(folder))),
            [] when laidOut is not null => Make(laidOut, root, folder),
            [] when wanted is null && ShardedSet.FormatOf(folder) is { } shards => ShardedSet.TryOpen(folder, shards)!,
            [] => throw new InvalidDataException($"'{folder}': {LookedFor(wanted)} Found {Contents(folder)}."),
            _ => throw new InvalidDataException(
                $"'{folder}': several data sets found, give the path of "
                + $"one: {string.Join(", ", listings.Select(l => $"{l.File} ({l.Format.Name})"))}."),
        };
    }

    private static DataSet Make(Format format, DataRoot root, string path) =>
        new(format.Name, path, () => format.Read(root, path), () => format.Notes(root));

    private static string LookedFor(Format? wanted) =>
        $"looked for {string.Join("; ", Formats.Where(f => (wanted ?? f) == f).Select(f => $"{f.Name}: {f.Layout}")
            .Concat(wanted is null ? ShardedSet.Layouts : []))}.";

    private static string Contents(string folder)
    {
        const int Most = 8;
        string[] names = [.. new DirectoryInfo(folder).EnumerateFileSystemInfos().Take(Most + 1)
            .Select(f => f is DirectoryInfo ? f.Name + '/' : f.Name).Order(StringComparer.Ordinal)];
        return names.Length == 0 ? "an empty folder" : string.Join(", ", names.Take(Most)) + (names.Length > Most ? " and more" : "");
    }

    /// <param name="Name">The name that <see cref="Open(string, string)"/> takes.</param>
    /// <param name="Layout">What is looked for, in words.</param>
    /// <param name="Read">Reads what is under a root, as the file that lists the images says.</param>
    private sealed record Format(string Name, string Layout, Func<DataRoot, string, IEnumerable<CaptionedImage>> Read)
    {
        /// <summary>For a format without a file that lists the images: whether a folder is laid out so.</summary>
        public Func<DataRoot, bool>? IsLaidOut { get; init; }

        /// <summary>What is there but not read.</summary>
        public Func<DataRoot, IEnumerable<string>> Notes { get; init; } = _ => [];

        /// <summary>What <see cref="AnnotationFile.Recognize"/> calls the file that lists the images.</summary>
        public string ListedAs { get; init; } = Name;
    }
}
