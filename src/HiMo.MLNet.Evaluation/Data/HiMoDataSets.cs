using HiMo.MLNet.Data;

namespace Microsoft.ML;

/// <summary>Reads sets of captioned images.</summary>
public static class HiMoDataSets
{
    /// <summary>
    /// Reads a set of captioned images, one row a caption, lazily: every pass over the view reads the set again from its start, and
    /// no more of it is held than the format needs (COCO: its file names and captions; the others: one image).
    /// </summary>
    /// <remarks>
    /// <para>Columns: <c>ImagePath</c> (text, a full path), <c>Caption</c> (text; may be empty, or long) and <c>ImageId</c> (Int32, from 0:
    /// captions of one image share it). An image without a caption has no row. The images themselves are not opened.</para>
    /// <para>Formats: <c>sharegpt4v</c>, <c>urban1k</c>, <c>docci</c> (<c>docci-train</c> and <c>docci-test</c> keep one split),
    /// <c>long-dci</c>, <c>coco</c> (first five captions an image), <c>flickr30k</c>, <c>himo-docci</c> (one row for each growing text),
    /// <c>cola</c> (two rows for each of its own, A then B), <c>image-folder</c> (a <c>.txt</c> beside each image),
    /// <c>class-folder</c> (the caption is the folder's name).</para>
    /// <para>A path in a data set that is absolute, holds <c>..</c> or leads out of its folder by a link ends the reading with an
    /// <see cref="InvalidDataException"/>, as does a row that is not as its format wants it; the error names file and line or
    /// element.</para>
    /// </remarks>
    /// <param name="catalog"><c>mlContext.Data</c>.</param>
    /// <param name="path">The folder of the set, or the file in it that lists the images; the format may stand before it, as in
    /// <c>urban1k:data/Urban1k</c>.</param>
    /// <param name="format">One of the formats above, or <c>auto</c> to tell it from <paramref name="path"/> or from what is there.</param>
    /// <exception cref="ArgumentException">No such format.</exception>
    /// <exception cref="FileNotFoundException">No such folder or file.</exception>
    /// <exception cref="InvalidDataException">The format is not found there, or several are.</exception>
    public static IDataView LoadFromImageCaptions(this DataOperationsCatalog catalog, string path, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return catalog.LoadFromEnumerable(Rows(format == "auto" ? DataSets.Open(path) : DataSets.Open(path, format)));
    }

    private static IEnumerable<Row> Rows(DataSet images)
    {
        int id = 0;
        foreach (CaptionedImage image in images)
        {
            foreach (string caption in image.Captions)
            {
                yield return new Row { ImagePath = image.ImagePath, Caption = caption, ImageId = id };
            }

            id++;
        }
    }

    private sealed class Row
    {
        public required string ImagePath { get; init; }

        public required string Caption { get; init; }

        public required int ImageId { get; init; }
    }
}
