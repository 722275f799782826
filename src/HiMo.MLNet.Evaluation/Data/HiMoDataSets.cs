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
    /// captions of one image share it). An image without a caption has no row. The images themselves are not opened. Formats that hold
    /// the images' bytes have a column <c>ImageSource</c> of them, which is read from its place when it is asked for, and <c>ImagePath</c>
    /// is what they are called there.</para>
    /// <para>Formats: <c>sharegpt4v</c>, <c>urban1k</c>, <c>docci</c> (<c>docci-train</c> and <c>docci-test</c> keep one split),
    /// <c>long-dci</c>, <c>coco</c> (first five captions an image), <c>flickr30k</c>, <c>himo-docci</c> (one row for each growing text),
    /// <c>cola</c> (two rows for each of its own, A then B), <c>image-folder</c> (a <c>.txt</c> beside each image),
    /// <c>class-folder</c> (the caption is the folder's name), <c>webdataset</c> (<c>.tar</c> files as img2dataset writes them:
    /// <c>ImageSource</c>) and <c>parquet</c> (tables of paths, or of bytes: <c>ImageSource</c>).</para>
    /// <para>Of the last two, <paramref name="path"/> is a file, a folder or a pattern: <c>webdataset:shards/{00000..00012}.tar</c>,
    /// <c>parquet:tables/*.parquet</c>. Options may stand behind it, <c>?shard=0/8&amp;shuffle=7</c>: <c>shard=I/N</c> reads the files I,
    /// I + N, … alone; <c>shuffle=SEED</c> takes the files in a random order, the same in every pass, and each image at random out of the
    /// next <c>buffer=COUNT</c> (1,000 unless told); <c>image=COLUMN</c> and <c>caption=COLUMN</c> name the columns of a table (of a tar,
    /// <c>caption</c> names a field of its <c>.json</c>, in the place of the <c>.txt</c>).</para>
    /// <para>A path in a data set that is absolute, holds <c>..</c> or leads out of its folder by a link ends the reading with an
    /// <see cref="InvalidDataException"/>, as does a row that is not as its format wants it; the error names file and line or
    /// element.</para>
    /// </remarks>
    /// <param name="catalog"><c>mlContext.Data</c>.</param>
    /// <param name="path">The folder of the set, or the file in it that lists the images; the format may stand before it, as in
    /// <c>urban1k:data/Urban1k</c>.</param>
    /// <param name="format">One of the formats above, or <c>auto</c> to tell it from <paramref name="path"/> or from what is there.</param>
    /// <exception cref="ArgumentException">No such format, or an option that is none.</exception>
    /// <exception cref="FileNotFoundException">No such folder or file.</exception>
    /// <exception cref="InvalidDataException">The format is not found there, or several are.</exception>
    public static IDataView LoadFromImageCaptions(this DataOperationsCatalog catalog, string path, string format = "auto")
    {
        ArgumentNullException.ThrowIfNull(catalog);
        DataSet images = format == "auto" ? DataSets.Open(path) : DataSets.Open(path, format);
        return images.HoldsImages
            ? catalog.LoadFromEnumerable(Rows(images, (image, caption, id) => new EncodedRow(image, caption, id)))
            : catalog.LoadFromEnumerable(Rows(images, (image, caption, id) => new Row(image.ImagePath, caption, id)));
    }

    private static IEnumerable<T> Rows<T>(DataSet images, Func<CaptionedImage, string, int, T> row)
    {
        int id = 0;
        foreach (CaptionedImage image in images)
        {
            foreach (string caption in image.Captions)
            {
                yield return row(image, caption, id);
            }

            id++;
        }
    }

    private sealed class Row(string imagePath, string caption, int imageId)
    {
        public string ImagePath { get; } = imagePath;

        public string Caption { get; } = caption;

        public int ImageId { get; } = imageId;
    }

    private sealed class EncodedRow(CaptionedImage image, string caption, int imageId)
    {
        public string ImagePath { get; } = image.ImagePath;

        public string Caption { get; } = caption;

        public int ImageId { get; } = imageId;

        /// <summary>Read where a cursor wants the column, and not else.</summary>
        public byte[] ImageSource => image.Encoded!();
    }
}
