using HiMo.MLNet.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Data;

public sealed class ParquetTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_paths_below_the_folder_of_the_table()
    {
        string file = Shards.Table(_folder.At("a.parquet"), "ImagePath", ["1.jpg", "sub/2.jpg", "3.jpg"], ["one", null, " three\nlines "]);

        DataSet set = DataSets.Open(file);
        CaptionedImage[] images = [.. set];

        Assert.Equal(("parquet", false), (set.Format, set.HoldsImages));
        Assert.Equal([_folder.At("1.jpg"), _folder.At("sub/2.jpg"), _folder.At("3.jpg")], images.Select(image => image.ImagePath));
        Assert.Equal(["one", "", "three lines"], images.Select(image => string.Join('|', image.Captions)));
        Assert.All(images, image => Assert.Null(image.Encoded));
    }

    [Fact]
    public void Reads_bytes_of_several_files_in_every_pass()
    {
        Shards.Table<byte[]>(_folder.At("a.parquet"), "jpg", [[1], [2], [3]], ["one", "two", "three"]);
        Shards.Table<byte[]>(_folder.At("b.parquet"), "jpg", [[4]], ["four"]);

        IDataView data = new MLContext().Data.LoadFromImageCaptions($"parquet:{_folder.FullPath}");

        for (int pass = 0; pass < 2; pass++)
        {
            Assert.Equal([[1], [2], [3], [4]], data.GetColumn<byte[]>("ImageSource"));
            Assert.Equal(["one", "two", "three", "four"], data.GetColumn<string>("Caption"));
            Assert.Equal(["a.parquet/1", "a.parquet/2", "a.parquet/3", "b.parquet/1"], data.GetColumn<string>("ImagePath"));
        }
    }

    [Fact]
    public void Columns_may_be_named()
    {
        string file = Shards.Table(_folder.At("a.parquet"), "url", ["1.jpg"], ["one"]);

        Assert.Equal(_folder.At("1.jpg"), Assert.Single(DataSets.Open($"{file}?image=url&caption=url")).ImagePath);
        string message = Assert.Throws<InvalidDataException>(() => DataSets.Open(file)).Message;
        Assert.Contains("one of image, ImagePath, image_path, jpg", message, StringComparison.Ordinal);
        Assert.Contains("'url'", message, StringComparison.Ordinal);
        Assert.Contains("'title'", Assert.Throws<InvalidDataException>(() => DataSets.Open($"{file}?image=url&caption=title").Count()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bad_rows_are_errors_that_name_the_row()
    {
        string empty = Shards.Table(_folder.At("empty.parquet"), "image", ["1.jpg", null], ["one", "two"]);
        string outside = Shards.Table(_folder.At("outside.parquet"), "image", ["../1.jpg"], ["one"]);
        string noBytes = Shards.Table<byte[]>(_folder.At("bytes.parquet"), "image", [[1], null], ["one", "two"]);

        Assert.StartsWith($"{empty}, row 2: expected the path of an image", Assert.Throws<InvalidDataException>(() => DataSets.Open(empty).Count()).Message, StringComparison.Ordinal);
        Assert.StartsWith($"{outside}, row 1: the path '../1.jpg'", Assert.Throws<InvalidDataException>(() => DataSets.Open(outside).Count()).Message, StringComparison.Ordinal);
        ImageReadException unreadable = Assert.Throws<ImageReadException>(() => DataSets.Open(noBytes).Last().Encoded!());
        Assert.Equal(($"{noBytes}, row 2", "the field is empty"), (unreadable.Path, unreadable.Reason));
    }

    [Fact]
    public void A_file_that_is_cut_is_an_error_that_names_it()
    {
        byte[] whole = File.ReadAllBytes(Shards.Table(_folder.At("a.parquet"), "image", ["1.jpg", "2.jpg"], ["one", "two"]));
        foreach (int cut in (int[])[0, 3, 20, whole.Length / 2, whole.Length - 1])
        {
            string file = _folder.At("cut.parquet");
            File.WriteAllBytes(file, whole[..cut]);

            Assert.StartsWith(file, Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count()).Message, StringComparison.Ordinal);
        }
    }
}
