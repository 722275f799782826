using HiMo.MLNet.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli;

/// <summary>A piece of a job that one process does: a file of a data set of several, or some rows of another.</summary>
/// <param name="Number">From 0, the same whoever counts.</param>
/// <param name="Items">The images, in the same order every time.</param>
internal sealed record EmbeddingUnit(int Number, Func<IEnumerable<EmbeddingItem>> Items);

/// <summary>The images of a job, in the pieces that its processes share.</summary>
/// <param name="Units">The pieces, in order.</param>
/// <param name="Count">How many there are, if that is known.</param>
/// <param name="HasCaptions">Whether images may have captions.</param>
internal sealed record EmbeddingInput(IEnumerable<EmbeddingUnit> Units, int? Count, bool HasCaptions)
{
    /// <param name="paths">Image files.</param>
    /// <param name="rows">Images of a piece.</param>
    public static EmbeddingInput Of(IReadOnlyList<string> paths, int rows) => new(
        Pieces(paths.Select(path => new EmbeddingItem(path, null, () => path)), rows), (paths.Count + rows - 1) / rows, HasCaptions: false);

    /// <param name="mlContext">Reads tables.</param>
    /// <param name="spec">A table, or a data set.</param>
    /// <param name="imageColumn">Of a table.</param>
    /// <param name="captionColumn">Of a table, if it is there.</param>
    /// <param name="rows">Images of a piece.</param>
    public static EmbeddingInput Of(MLContext mlContext, string spec, string imageColumn, string captionColumn, int rows)
    {
        if (CaptionedData.Table(spec) is not null)
        {
            (IDataView table, string? folder) = CaptionedData.Load(mlContext, spec);
            bool hasCaptions = table.Schema.GetColumnOrNull(captionColumn) is not null;
            return new(Pieces(Rows(table, folder!, imageColumn, hasCaptions ? captionColumn : null), rows), null, hasCaptions);
        }

        DataSet data = DataSets.Open(spec);
        return data.Shards is { } shards
            ? new(shards.Select(shard => new EmbeddingUnit(shard.Number, () => shard.Read().Select(Item))), shards.Count, HasCaptions: true)
            : new(Pieces(data.Select(Item), rows), null, HasCaptions: true);
    }

    private static EmbeddingItem Item(CaptionedImage image) => new(image.ImagePath, image.Captions.Count > 0 ? image.Captions[0] : null,
        () => image.Encoded is { } encoded ? ClipImage.FromBytes(encoded(), image.ImagePath) : image.ImagePath);

    private static IEnumerable<EmbeddingItem> Rows(IDataView table, string folder, string imageColumn, string? captionColumn)
    {
        IEnumerable<string> images = table.GetColumn<string>(imageColumn);
        IEnumerable<string?> captions = captionColumn is null ? images.Select(_ => (string?)null) : table.GetColumn<string>(captionColumn);
        return images.Zip(captions, (image, caption) => new EmbeddingItem(image, caption, () => Path.Combine(folder, image)));
    }

    private static IEnumerable<EmbeddingUnit> Pieces(IEnumerable<EmbeddingItem> items, int rows) =>
        items.Chunk(rows).Select((piece, number) => new EmbeddingUnit(number, () => piece));
}
