using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Scoring;

/// <summary>Reads images and captions out of the rows of a data view, with errors that name the column.</summary>
internal static class InputColumns
{
    /// <summary>A kind of input column: what it is for and which types it may have.</summary>
    public sealed record Kind(string Role, string Expected, Func<DataViewType, bool> Accepts, bool IsVector = false)
    {
        public static Kind Image { get; } = new("image", "text (a file path) or an image (MLImage)",
            type => type is ImageDataViewType or TextDataViewType);

        public static Kind Caption { get; } = new("caption", "text", type => type is TextDataViewType);

        public static Kind Name { get; } = new("name", "text", type => type is TextDataViewType);

        public static Kind Embedding { get; } = new("embedding", "a vector of singles of known size",
            type => type == NumberDataViewType.Single, IsVector: true);
    }

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    /// <exception cref="InvalidOperationException">There is no name: the transformer does not use images.</exception>
    public static DataViewSchema.Column Image(DataViewSchema schema, string? name) =>
        Find(schema, name ?? throw Unused("images", nameof(HiMoClipOptions.ImageColumnName)), Kind.Image);

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    /// <exception cref="InvalidOperationException">There is no name: the transformer does not use captions.</exception>
    public static DataViewSchema.Column Text(DataViewSchema schema, string? name) =>
        Find(schema, name ?? throw Unused("captions", nameof(HiMoClipOptions.CaptionColumnName)), Kind.Caption);

    public static InvalidOperationException Unused(string what, string option) =>
        new($"This model was made without {what}: {nameof(HiMoClipOptions)}.{option} is null.");

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    public static DataViewSchema.Column Find(DataViewSchema schema, string name, Kind kind)
    {
        DataViewSchema.Column column = schema.GetColumnOrNull(name)
            ?? throw Missing(name, kind, schema.Where(c => !c.IsHidden).Select(c => c.Name));
        bool fits = kind.IsVector ? column.Type is VectorDataViewType { Size: > 0 } vector && kind.Accepts(vector.ItemType)
            : kind.Accepts(column.Type);
        return fits ? column : throw WrongType(name, kind, column.Type);
    }

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    public static void Check(SchemaShape schema, string name, Kind kind)
    {
        SchemaShape.Column found = schema.Cast<SchemaShape.Column?>().FirstOrDefault(c => c!.Value.Name == name)
            ?? throw Missing(name, kind, schema.Select(c => c.Name));
        if (found.Kind != (kind.IsVector ? SchemaShape.Column.VectorKind.Vector : SchemaShape.Column.VectorKind.Scalar)
            || !kind.Accepts(found.ItemType))
        {
            throw WrongType(name, kind, found.Kind == SchemaShape.Column.VectorKind.Scalar ? found.ItemType
                : $"{found.Kind} of {found.ItemType}");
        }
    }

    /// <summary>The error of a value that cannot be computed since the data lacks an input column.</summary>
    public static ArgumentOutOfRangeException Missing(string output, string name, Kind kind, DataViewSchema found) => new(
        nameof(name),
        $"Column '{output}' is computed from the {kind.Role} column '{name}', which is missing: expected a column of {kind.Expected}; "
        + $"the data has {string.Join(", ", found.Where(c => !c.IsHidden).Select(c => $"'{c.Name}'"))}.");

    private static ArgumentOutOfRangeException Missing(string name, Kind kind, IEnumerable<string> found) => new(
        nameof(name),
        $"The {kind.Role} column '{name}' is missing: expected a column "
        + $"of {kind.Expected}; the data has {string.Join(", ", found.Select(c => $"'{c}'"))}.");

    public static ArgumentOutOfRangeException WrongType(string name, Kind kind, object found) => new(
        nameof(name), $"Column '{name}' has the wrong type: expected {kind.Expected}; found {found}.");

    /// <summary>
    /// Reads the current row's image as a deferred load: a path decodes when it is called, an image is copied at once.
    /// Null stands for a missing value: an empty path or no image.
    /// </summary>
    public static Func<Func<RgbImage>?> ImageReader(DataViewRow row, DataViewSchema.Column column, string? folder) =>
        Reader<Func<RgbImage>>(row, column, folder, path => () => ImageDecoder.Decode(path), image => () => image);

    /// <summary>
    /// Reads the current row's image: its path, or at once the planes of an image. Null stands for a missing value: an empty
    /// path or no image.
    /// </summary>
    public static Func<ImageSource?> ImageReader(DataViewRow row, DataViewSchema.Column column, string? folder, PlaneReader planes) =>
        Reader<ImageSource>(row, column, folder, path => new(path, null), image => new(null, planes.Read(image)));

    private static Func<T?> Reader<T>(
        DataViewRow row, DataViewSchema.Column column, string? folder, Func<string, T> ofPath, Func<RgbImage, T> ofImage)
        where T : class
    {
        if (column.Type is TextDataViewType)
        {
            Func<string> readPath = TextReader(row, column);
            return () => readPath() is { Length: > 0 } path ? ofPath(folder is null ? path : Path.Combine(folder, path)) : null;
        }

        ValueGetter<MLImage> getImage = row.GetGetter<MLImage>(column);
        MLImage? image = null;                                                // given back to the getter, which frees it if it is its own
        return () =>
        {
            getImage(ref image!);
            return image is null ? null : ofImage(ImageDecoder.FromMLImage(image));
        };
    }

    /// <summary>Reads rows with an image and a caption each; an image without a file becomes planes at once.</summary>
    /// <exception cref="InvalidOperationException">A row has no image; or the model reads no images, or no captions.</exception>
    public static IEnumerable<ImageWithCaptions> Pairs(
        IDataView data, string? imageColumn, string? textColumn, string? folder, PlaneReader planes)
    {
        DataViewSchema.Column image = Image(data.Schema, imageColumn), text = Text(data.Schema, textColumn);
        using DataViewRowCursor cursor = data.GetRowCursor([image, text]);
        Func<ImageSource?> readImage = ImageReader(cursor, image, folder, planes);
        Func<string> readText = TextReader(cursor, text);
        while (cursor.MoveNext())
        {
            yield return new(readImage() ?? throw NoImage(cursor, image), [readText()]);
        }
    }

    /// <summary>The error of a row that lacks the image that it needs.</summary>
    public static InvalidOperationException NoImage(DataViewRow row, DataViewSchema.Column image) =>
        new($"Row {row.Position} has no image: column '{image.Name}' is empty there.");

    public static Func<string> TextReader(DataViewRow row, DataViewSchema.Column column)
    {
        ValueGetter<ReadOnlyMemory<char>> getText = row.GetGetter<ReadOnlyMemory<char>>(column);
        return () =>
        {
            ReadOnlyMemory<char> text = default;
            getText(ref text);
            return text.ToString();
        };
    }
}
