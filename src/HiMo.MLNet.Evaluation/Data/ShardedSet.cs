namespace HiMo.MLNet.Data;

/// <summary>Data sets of files that hold many images each: tar files of WebDataset, and Parquet tables.</summary>
internal static class ShardedSet
{
    public const string WebDataset = "webdataset", Parquet = "parquet";

    private static readonly (string Format, string Extension)[] s_formats = [(WebDataset, ".tar"), (Parquet, ".parquet")];

    /// <summary>The names of the formats with what is looked for.</summary>
    public static IEnumerable<string> Layouts { get; } =
    [
        $"{WebDataset}: .tar files with an image, a .txt and a .json of one name each", $"{Parquet}: .parquet files of images and captions",
    ];

    public static IEnumerable<string> Formats => s_formats.Select(format => format.Format);

    /// <summary>Opens files, a folder or a pattern of files, with <see cref="ShardOptions"/> behind it.</summary>
    /// <param name="location">The path, with the options.</param>
    /// <param name="format">A format's name, or <c>auto</c>.</param>
    /// <returns>Null where another format is meant.</returns>
    /// <exception cref="ArgumentException">An option is unknown, or its value makes no sense.</exception>
    /// <exception cref="FileNotFoundException">There are no such files.</exception>
    /// <exception cref="InvalidDataException">A table lacks a column, or there are fewer files than shares.</exception>
    public static DataSet? TryOpen(string location, string format)
    {
        (string path, ShardOptions options) = ShardOptions.Split(location);
        (string name, string extension) = Array.Find(s_formats,
            known => format == "auto" ? path.EndsWith(known.Extension, StringComparison.OrdinalIgnoreCase) : known.Format == format);
        return name is null ? null : Open(path, name, extension, options);
    }

    /// <summary>The format of a folder of such files; null if there are none.</summary>
    public static string? FormatOf(string folder) => s_formats
        .FirstOrDefault(format => Directory.EnumerateFiles(folder, "*" + format.Extension, new EnumerationOptions()).Any()).Format;

    private static DataSet Open(string path, string format, string extension, ShardOptions options)
    {
        (string folder, IReadOnlyList<string> files) = ShardFiles.Find(path, extension);
        if (files.Count < options.Parts)
        {
            throw new InvalidDataException(
                $"'{path}': expected at least as many files as shares, {options.Parts}, found {files.Count} files.");
        }

        DataRoot root = new(folder);
        Shard[] shards = [.. files.Index().Where(file => file.Index % options.Parts == options.Part)
            .Select(file => new Shard(file.Index, () => Read(root, file.Item, format, options)))];
        return new(format, folder, () => Shuffled(shards, options), () => [])
        {
            Shards = shards,
            HoldsImages = format == WebDataset || new ParquetTable(root, files[0], options).HoldsImages,
        };
    }

    private static IEnumerable<CaptionedImage> Read(DataRoot root, string file, string format, ShardOptions options) => format == WebDataset
        ? new TarShard(file, Path.GetRelativePath(root.FullPath, file).Replace('\\', '/'), options.Caption).Read()
        : new ParquetTable(root, file, options).Rows();

    // The same order in every pass: a training that shuffles on its own, and goes on where it was, finds what it left.
    private static IEnumerable<CaptionedImage> Shuffled(Shard[] shards, ShardOptions options)
    {
        if (options.Seed is not { } seed)
        {
            return shards.SelectMany(shard => shard.Read());
        }

        Random random = new(seed);
        Shard[] order = [.. shards];
        random.Shuffle(order);
        return ShuffleBuffer.Shuffle(order.SelectMany(shard => shard.Read()), options.Buffer, random);
    }
}
