using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;
using HiMo.MLNet.Training;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Scoring;

/// <summary>Reads images and captions out of the rows of a data view, with errors that name the column.</summary>
internal static class InputColumns
{
    /// <summary>A kind of input column.</summary>
    /// <param name="Role">What it is for.</param>
    /// <param name="Expected">Which types it may have.</param>
    /// <param name="Accepts">Whether a type that is no vector is one of them.</param>
    /// <param name="AcceptsItems">Whether vectors of a type are among them.</param>
    /// <param name="AnySize">Whether these may differ in size from row to row.</param>
    public sealed record Kind(
        string Role, string Expected, Func<DataViewType, bool> Accepts, Func<DataViewType, bool> AcceptsItems, bool AnySize = false)
    {
        public static Kind Image { get; } = new("image", "text (a file path), an image (MLImage) or a vector of bytes (an image file's)",
            type => type is ImageDataViewType or TextDataViewType, item => item == NumberDataViewType.Byte, AnySize: true);

        public static Kind Caption { get; } = new("caption", "text", type => type is TextDataViewType, _ => false);

        public static Kind Name { get; } = new("name", "text", type => type is TextDataViewType, _ => false);

        public static Kind Embedding { get; } = new("embedding", "a vector of singles of known size", _ => false,
            item => item == NumberDataViewType.Single);
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
        bool fits = column.Type is VectorDataViewType vector ? kind.AcceptsItems(vector.ItemType) && (kind.AnySize || vector.Size > 0)
            : kind.Accepts(column.Type);
        return fits ? column : throw WrongType(name, kind, column.Type);
    }

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    public static void Check(SchemaShape schema, string name, Kind kind)
    {
        SchemaShape.Column found = schema.Cast<SchemaShape.Column?>().FirstOrDefault(c => c!.Value.Name == name)
            ?? throw Missing(name, kind, schema.Select(c => c.Name));
        bool fits = found.Kind == SchemaShape.Column.VectorKind.Scalar ? kind.Accepts(found.ItemType)
            : kind.AcceptsItems(found.ItemType) && (kind.AnySize || found.Kind == SchemaShape.Column.VectorKind.Vector);
        if (!fits)
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
    /// Reads the current row's image and caption to train on: a path and bytes are decoded when they are loaded, an image is copied at
    /// once. Null stands for a missing image: an empty path, no image or no bytes.
    /// </summary>
    public static Func<TrainingPair?> TrainingReader(
        DataViewRow row, DataViewSchema.Column image, DataViewSchema.Column caption, string? folder)
    {
        Func<string> readCaption = TextReader(row, caption);
        return Reader<TrainingPair>(row, image, folder,
            path => new(path, () => ImageDecoder.Decode(path), readCaption()),
            (bytes, name) => new(ContentKey.OfImage(bytes).ToString(), () => Decode(bytes, name), readCaption(), bytes.Length),
            lent =>
            {
                RgbImage copy = ImageDecoder.FromMLImage(lent);
                return new(null, () => copy, readCaption(), copy.Pixels.Length);
            });
    }

    private static RgbImage Decode(byte[] encoded, string name)
    {
        using var stream = new MemoryStream(encoded, writable: false);
        return ImageDecoder.Decode(stream, name);
    }

    /// <summary>
    /// Reads the current row's image to embed: its path, its bytes, or at once the planes of an image. Null stands for a missing value: an
    /// empty path, no image or no bytes.
    /// </summary>
    public static Func<ImageSource?> ImageReader(DataViewRow row, DataViewSchema.Column column, string? folder, PlaneReader planes) =>
        Reader<ImageSource>(row, column, folder, path => new(path), (bytes, name) => new(null, null, bytes, name), lent =>
        {
            try
            {
                using RgbImage copy = ImageDecoder.FromMLImage(lent);
                return new(null, planes.Read(copy));
            }
            catch (ImageReadException e)
            {
                return new(null) { Failure = e };
            }
        });

    private static Func<T?> Reader<T>(
        DataViewRow row, DataViewSchema.Column column, string? folder, Func<string, T> ofPath, Func<byte[], string, T> ofBytes,
        Func<MLImage, T> ofImage)
        where T : class
    {
        if (column.Type is VectorDataViewType)
        {
            ValueGetter<VBuffer<byte>> getBytes = row.GetGetter<VBuffer<byte>>(column);
            VBuffer<byte> lent = default;
            return () =>
            {
                getBytes(ref lent);
                byte[] own = new byte[lent.Length];                           // the getter writes the next row's into what it was given
                lent.CopyTo(own);
                return own.Length == 0 ? null : ofBytes(own, $"row {row.Position} of column {column.Name}");
            };
        }

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
            return image is null ? null : ofImage(image);
        };
    }

    /// <summary>Reads rows with an image and a caption each; an image that is decoded becomes planes at once.</summary>
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
