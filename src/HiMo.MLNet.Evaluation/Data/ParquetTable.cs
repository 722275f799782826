using Parquet;
using Parquet.Schema;

namespace HiMo.MLNet.Data;

/// <summary>
/// A Parquet file with a column of images, as paths from its folder or as the bytes of image files, and one of captions. A row group is
/// held at a time; its images' bytes are read with the first of them that is asked for.
/// </summary>
internal sealed class ParquetTable
{
    private static readonly string[] s_images = ["image", "ImagePath", "image_path", "jpg"];
    private static readonly string[] s_captions = ["caption", "Caption", "text"];

    private readonly DataRoot _root;
    private readonly string _file, _name;
    private readonly string? _captionColumn;
    private readonly string _imageColumn;

    /// <summary>Looks at the columns.</summary>
    /// <exception cref="InvalidDataException">It is no Parquet file, or lacks a column.</exception>
    public ParquetTable(DataRoot root, string file, ShardOptions options)
    {
        (_root, _file, _name) = (root, file, Path.GetRelativePath(root.FullPath, file).Replace('\\', '/'));
        (_imageColumn, _captionColumn, HoldsImages) = Use(reader =>
        {
            DataField image = Find(reader, options.Image, s_images, "images")!;
            return (image.Path.ToString(), Find(reader, options.Caption, s_captions, "captions")?.Path.ToString(), IsBytes(image));
        });
    }

    /// <summary>Whether the images are bytes.</summary>
    public bool HoldsImages { get; }

    public IEnumerable<CaptionedImage> Rows()
    {
        int[] groups = Use(reader => Enumerable.Range(0, reader.RowGroupCount).Select(group => Count(reader, group)).ToArray());
        long number = 0;
        foreach ((int group, int count) in groups.Index())
        {
            string?[] captions = _captionColumn is null ? new string?[count] : Column<string>(group, _captionColumn);
            string?[]? paths = HoldsImages ? null : Column<string>(group, _imageColumn);
            Lazy<byte[]?[]> images = new(() => Column<byte[]>(group, _imageColumn));
            for (int row = 0; row < count; row++)
            {
                int place = row;
                SourceLocation source = new(_file, "row", ++number);
                string caption = captions[row]?.Trim().ReplaceLineEndings(" ") ?? "";
                TextRows.CheckLength(caption.Length, source);
                string[] own = caption.Length > 0 ? [caption] : [];
                yield return paths is null
                    ? new($"{_name}/{number}", own, source)
                    {
                        Encoded = () => images.Value[place] ?? throw new ImageReadException(source.ToString(), "the field is empty"),
                    }
                    : new(_root.Resolve(paths[row] ?? throw source.Error("expected the path of an image, found none."), source), own,
                        source);
            }
        }
    }

    private DataField? Find(ParquetReader reader, string? name, string[] usual, string what)
    {
        DataField[] fields = reader.Schema.DataFields;
        // Hugging Face's data sets keep an image as a structure with its bytes.
        DataField? found = (name is null ? usual : [name.Replace('.', '/')])
            .Select(wanted => Array.Find(fields, field => field.Path.ToString() == wanted)
                ?? Array.Find(fields, field => field.Path.ToString() == wanted + "/bytes"))
            .FirstOrDefault(field => field is not null);
        bool fits = found is not null && found.MaxRepetitionLevel == 0 && (IsText(found) || (what == "images" && IsBytes(found)));
        return fits || (found is null && name is null && what == "captions") ? found
            : throw new SourceLocation(_file).Error(
                $"expected a column of {what}, {(name is null ? $"one of {string.Join(", ", usual)}" : name.Quoted())}, of "
                + $"{(what == "images" ? "text (paths) or binary (image files)" : "text")}, found "
                + $"{string.Join(", ", fields.Take(20).Select(field => $"{field.Path.ToString().Quoted()} ({field.ClrType.Name})"))}.");
    }

    private static bool IsText(DataField field) => field.ClrType == typeof(string) || field.ClrType == typeof(ReadOnlyMemory<char>);

    private static bool IsBytes(DataField field) => field.ClrType == typeof(byte[]) || field.ClrType == typeof(ReadOnlyMemory<byte>);

    private int Count(ParquetReader reader, int group)
    {
        int limit = ClipLimits.Current.ImagesHeld;
        long count = reader.RowGroups[group].RowCount;
        return count >= 0 && count <= limit ? (int)count
            : throw new SourceLocation(_file).Error($"{ClipLimits.AtMost(limit, "rows of a row group")}, found {count}.");
    }

    private T?[] Column<T>(int group, string path)
        where T : class => Use(reader =>
    {
        DataField field = Array.Find(reader.Schema.DataFields, found => found.Path.ToString() == path)
            ?? throw new SourceLocation(_file).Error($"expected the column {path.Quoted()} as in the other files, found none.");
        var values = new T?[Count(reader, group)];
        return Guard(async () =>
        {
            using ParquetRowGroupReader rows = reader.OpenRowGroupReader(group);
            await (values is string?[] texts ? rows.ReadAsync(field, texts.AsMemory())
                : rows.ReadAsync(field, ((byte[]?[])(object)values).AsMemory()));
            return values;
        });
    });

    private T Use<T>(Func<ParquetReader, T> use)
    {
        ParquetReader reader = Guard(() => ParquetReader.CreateAsync(_file));
        try
        {
            return Guard(() => Task.FromResult(use(reader)));
        }
        finally
        {
            reader.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    // What the library throws at damaged files is of many kinds.
    private T Guard<T>(Func<Task<T>> read)
    {
        try
        {
            return read().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is not (OutOfMemoryException or FileNotFoundException or UnauthorizedAccessException)
            && !(e is InvalidDataException && e.Message.StartsWith(_file, StringComparison.Ordinal)))
        {
            throw new SourceLocation(_file).Error($"it cannot be read as a Parquet table: {e.Message}", e);
        }
    }
}
