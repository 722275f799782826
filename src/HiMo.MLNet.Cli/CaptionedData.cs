using System.CommandLine;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli;

/// <summary>Images with captions out of a data set, or out of a table of one's own.</summary>
internal static class CaptionedData
{
    public const string Help =
        "A table (.tsv with a header), or a data set (urban1k:FOLDER, sharegpt4v:FILE, docci:FOLDER, coco:FOLDER, "
        + "webdataset:shards/{00000..00012}.tar, parquet:FOLDER …; the format may be left out).";

    private const string UsualImageColumn = "ImagePath";

    public static Option<string> ImageColumn { get; } =
        CommandOption.Of("--image-column", "NAME", "The column of image paths in a table.", UsualImageColumn);

    public static Option<string> CaptionColumn { get; } =
        CommandOption.Of("--caption-column", "NAME", "The column of captions in a table.", "Caption");

    /// <summary>The column of images: the one that the options name, or the bytes of data that holds its images.</summary>
    public static string? Images(IDataView data, string? named)
    {
        const string bytes = "ImageSource";
        return data.Schema.GetColumnOrNull(bytes) is { Type: VectorDataViewType } && named == UsualImageColumn ? bytes : named;
    }

    private const string TablePrefix = "tsv:";

    /// <param name="mlContext">Reads.</param>
    /// <param name="spec">A table, or a data set as LoadFromImageCaptions takes it.</param>
    /// <returns>The data, and the folder that relative paths in a table start from.</returns>
    /// <exception cref="IOException">There is no such file or folder, or nothing known in it.</exception>
    public static (IDataView Data, string? Folder) Load(MLContext mlContext, string spec)
    {
        return Table(spec) is { } path ? (LoadTable(mlContext, path), Path.GetDirectoryName(Path.GetFullPath(path)))
            : (mlContext.Data.LoadFromImageCaptions(spec), null);
    }

    /// <summary>The path of a table, or null if a data set is meant.</summary>
    public static string? Table(string spec) =>
        spec.StartsWith(TablePrefix, StringComparison.Ordinal) ? spec[TablePrefix.Length..]
        : File.Exists(spec) && Path.GetExtension(spec).Equals(".tsv", StringComparison.OrdinalIgnoreCase) && !IsLongDci(Header(spec)) ? spec
        : null;

    private static bool IsLongDci(string[] header) => header.Contains("filepath") && header.Contains("title");

    private static string[] Header(string path) => File.ReadLines(path).FirstOrDefault("").Split('\t');

    // Every column as text: the estimator picks its two, and says what there is if one is missing.
    private static IDataView LoadTable(MLContext mlContext, string path) => mlContext.Data.CreateTextLoader(new TextLoader.Options
    {
        Columns = [.. Header(path).Select((name, i) => new TextLoader.Column(name.Trim('"'), DataKind.String, i))
            .Where(column => column.Name.Length > 0)],
        HasHeader = true,
        AllowQuoting = true,
        Separators = ['\t'],
    }).Load(path);
}
