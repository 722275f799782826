using HiMo.MLNet.Images;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Scoring;

/// <summary>Reads pictures and captions out of the rows of a data view, with errors that name the column.</summary>
internal static class InputColumns
{
    public static bool IsImage(DataViewType type) => type is ImageDataViewType or TextDataViewType;

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    public static DataViewSchema.Column Image(DataViewSchema schema, string name)
    {
        DataViewSchema.Column column = Find(schema, name, "picture", "text (a file path) or an image (MLImage)");
        return IsImage(column.Type) ? column : throw WrongType(name, "text (a file path) or an image (MLImage)", column.Type);
    }

    /// <exception cref="ArgumentOutOfRangeException">The column is missing or of another type; the message names it.</exception>
    public static DataViewSchema.Column Text(DataViewSchema schema, string name)
    {
        DataViewSchema.Column column = Find(schema, name, "caption", "text");
        return column.Type is TextDataViewType ? column : throw WrongType(name, "text", column.Type);
    }

    private static DataViewSchema.Column Find(DataViewSchema schema, string name, string role, string expected) =>
        schema.GetColumnOrNull(name) ?? throw Missing(name, role, expected, schema.Where(c => !c.IsHidden).Select(c => c.Name));

    public static ArgumentOutOfRangeException Missing(string name, string role, string expected, IEnumerable<string> found) => new(
        nameof(name), $"The {role} column '{name}' is missing: expected a column of {expected}; the data has {string.Join(", ", found.Select(c => $"'{c}'"))}.");

    public static ArgumentOutOfRangeException WrongType(string name, string expected, object found) => new(
        nameof(name), $"Column '{name}' has the wrong type: expected {expected}; found {found}.");

    /// <summary>
    /// Reads the current row's picture as a deferred load: a path decodes when it is called, an image is copied at once.
    /// Null stands for a missing value: an empty path or no image.
    /// </summary>
    public static Func<Func<RgbImage>?> ImageReader(DataViewRow row, DataViewSchema.Column column, string? folder)
    {
        if (column.Type is TextDataViewType)
        {
            ValueGetter<ReadOnlyMemory<char>> getPath = row.GetGetter<ReadOnlyMemory<char>>(column);
            return () =>
            {
                ReadOnlyMemory<char> text = default;
                getPath(ref text);
                if (text.IsEmpty)
                    return null;
                string path = folder is null ? text.ToString() : Path.Combine(folder, text.ToString());
                return () => ImageDecoder.Decode(path);
            };
        }
        ValueGetter<MLImage> getImage = row.GetGetter<MLImage>(column);
        return () =>
        {
            MLImage? image = null;
            getImage(ref image!);
            if (image is null)
                return null;
            RgbImage pixels = ImageDecoder.FromMLImage(image);
            return () => pixels;
        };
    }

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
