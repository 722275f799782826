using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Data;

public sealed class HiMoDataSetsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Loads_one_row_a_caption()
    {
        _folder.Write("captions.txt", "1.jpg#0\tone\n1.jpg#1\t\n2.jpg#0\tthree\n");

        IDataView data = new MLContext().Data.LoadFromImageCaptions(_folder.FullPath);

        Assert.Equal(["ImagePath", "Caption", "ImageId"], data.Schema.Select(c => c.Name));
        Assert.Equal([TextDataViewType.Instance, TextDataViewType.Instance, NumberDataViewType.Int32], data.Schema.Select(c => c.Type));
        for (int pass = 0; pass < 2; pass++)
        {
            Assert.Equal([_folder.At("1.jpg"), _folder.At("1.jpg"), _folder.At("2.jpg")], data.GetColumn<string>("ImagePath"));
            Assert.Equal(["one", "", "three"], data.GetColumn<string>("Caption"));
            Assert.Equal([0, 0, 1], data.GetColumn<int>("ImageId"));
        }
    }

    [Fact]
    public void The_format_may_stand_before_the_path()
    {
        string file = _folder.Write("pairs.json", """[["a.jpg", "A", "b.jpg", "B"]]""");

        Assert.Equal(["A", "B"], new MLContext().Data.LoadFromImageCaptions($"cola:{file}").GetColumn<string>("Caption"));
        Assert.Contains("'colour'", Assert.Throws<ArgumentException>(() => new MLContext().Data.LoadFromImageCaptions($"colour:{file}")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Is_lazy()
    {
        string file = _folder.Write("all.json", """[["a.jpg", "A", "b.jpg", "B"], "broken"]""");
        MLContext context = new();

        IDataView data = context.Data.LoadFromImageCaptions(file, "cola");

        Assert.Equal(["A", "B"], context.Data.TakeRows(data, 2).GetColumn<string>("Caption"));
        Assert.Throws<InvalidDataException>(() => data.GetColumn<string>("Caption").Count());
    }
}
