using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Data;
using HiMo.MLNet.Images;
using HiMo.MLNet.Tests.Checkpoints;
using PngFile = HiMo.MLNet.Tests.Images.PngFile;

namespace HiMo.MLNet.Tests;

/// <summary>The limits are the process's: these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class ClipLimitsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose()
    {
        ClipLimits.Current = new();
        _folder.Dispose();
    }

    [Fact]
    public void Every_limit_of_checkpoints_is_settable_and_named_where_it_is_met()
    {
        byte[] pickle = new PickleWriter().Dictionary(
            ("first", w => w.Tensor("0", "FloatStorage", 4, 0, [2, 2], [2, 1])), ("second", w => w.Tensor("0", "FloatStorage", 4, 0, [4], [1]))).Stop();
        string zip = Write("zip", CheckpointWriter.Zip(pickle, [new byte[16]]));
        string module = Write("module", ZipWriter.Store(
        [
            ("m/data.pkl", new PickleWriter().Module("A", ("b", b => b.Module("B", ("c", c => c.Module("C"))))).Stop()), ("m/constants.pkl", new PickleWriter().Op(')').Stop()),
        ]));
        string deflated = Write("deflated", PyTorchFormatTests.Deflate(
            new PickleWriter().Dictionary([.. Enumerable.Range(0, 100).Select(_ => ("a", (Action<PickleWriter>)(w => w.Int(0))))]).Stop(),
            System.IO.Compression.CompressionLevel.Optimal,
            System.IO.Compression.CompressionLevel.NoCompression));
        string header = Write("header", SafetensorsTests.WithHeader(
            """{"__metadata__":{"a":"1","b":"2"},"first":{"dtype":"U8","shape":[2,1],"data_offsets":[0,2]},"second":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"""));
        string index = _folder.Write("model.index.json", """{"weight_map": {"first": "header", "second": "zip"}}""");

        Meets(nameof(ClipLimits.Tensors), limits => limits with { Tensors = 1 }, zip, module, header, index);
        Meets(nameof(ClipLimits.TensorNameLength), limits => limits with { TensorNameLength = 4 }, zip, header);
        Meets(nameof(ClipLimits.TensorDimensions), limits => limits with { TensorDimensions = 1 }, zip, header);
        Meets(nameof(ClipLimits.HeaderBytes), limits => limits with { HeaderBytes = 100 }, header);
        Meets(nameof(ClipLimits.HeaderTexts), limits => limits with { HeaderTexts = 1 }, header);
        Meets(nameof(ClipLimits.PickleBytes), limits => limits with { PickleBytes = 100 }, zip);
        Meets(nameof(ClipLimits.PickleInstructions), limits => limits with { PickleInstructions = 5 }, zip, module);
        Meets(nameof(ClipLimits.PickleTextBytes), limits => limits with { PickleTextBytes = 4 }, zip);
        Meets(nameof(ClipLimits.ExpansionRatio), limits => limits with { ExpansionRatio = 1 }, deflated);
        Meets(nameof(ClipLimits.ModuleDepth), limits => limits with { ModuleDepth = 1 }, module);
        Meets(nameof(ClipLimits.IndexBytes), limits => limits with { IndexBytes = 20 }, index);
        Meets(nameof(ClipLimits.Shards), limits => limits with { Shards = 1 }, index);

        void Meets(string name, Func<ClipLimits, ClipLimits> lower, params string[] files)
        {
            ClipLimits.Current = lower(new());
            foreach (string file in files)
            {
                Names(name, Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(file).Dispose()));
            }
        }
    }

    [Fact]
    public void A_stream_with_a_tensor_beyond_the_limit_is_refused_before_its_memory_is_asked_for()
    {
        ClipLimits.Current = new() { StreamedTensorBytes = 1 };
        var stream = new MemoryStream(SafetensorsTests.WithHeader("""{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"""));

        Names(nameof(ClipLimits.StreamedTensorBytes), Assert.Throws<CheckpointFormatException>(() => Safetensors.ReadSequential(stream, "entry").Count()));
    }

    [Fact]
    public void Tensors_may_share_more_where_the_limit_is_raised()
    {
        byte[] pickle = new PickleWriter().Dictionary(
            [.. Enumerable.Range(0, 20).Select(i => ($"t{i}", (Action<PickleWriter>)(w => w.Tensor("0", "FloatStorage", 4096, 0, [4096], [1]))))]).Stop();
        string file = Write("shared", CheckpointWriter.Zip(pickle, [new byte[16_384]]));
        Names(nameof(ClipLimits.SharingRatio), Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(file)));

        ClipLimits.Current = ClipLimits.Current with { SharingRatio = 20 };

        using var checkpoint = Checkpoint.Open(file);
        Assert.Equal(20, checkpoint.Tensors.Count);
    }

    [Fact]
    public void Every_limit_of_data_sets_is_settable_and_named_where_it_is_met()
    {
        string flickr = _folder.Write("results.token", "1.jpg#0\ta\n1.jpg#1\tb\n2.jpg#0\tc\n");
        string coco = _folder.Write("captions.json", """{"images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}], "annotations": []}""");
        string table = _folder.Write("rows.tsv", "filepath\ttitle\n1.jpg\ta cat that sits on a mat\n");
        string array = _folder.Write("all.json", """[["1.jpg", "a cat that sits on a mat", "2.jpg", "B"]]""");

        Meets(nameof(ClipLimits.RowLength), new() { RowLength = 20 }, ("long-dci", table), ("cola", array));
        Meets(nameof(ClipLimits.ImagesHeld), new() { ImagesHeld = 1 }, ("flickr30k", flickr), ("coco", coco));
        Meets(nameof(ClipLimits.CaptionsPerImage), new() { CaptionsPerImage = 1 }, ("flickr30k", flickr));
        Meets(nameof(ClipLimits.PathLength), new() { PathLength = 4 }, ("flickr30k", flickr), ("coco", coco), ("long-dci", table), ("cola", array));

        void Meets(string name, ClipLimits lower, params (string Format, string File)[] sets)
        {
            foreach ((string format, string file) in sets)
            {
                ClipLimits.Current = lower;
                InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file, format).Count());
                Assert.StartsWith(file, error.Message);
                Names(name, error);

                ClipLimits.Current = new();
                Assert.NotEmpty(DataSets.Open(file, format));
            }
        }
    }

    [Fact]
    public void Every_limit_of_images_is_settable_and_named_where_it_is_met()
    {
        string ribbon = Write("ribbon.png", PngFile.Create(100_000, 8, 0, [new byte[100_000]]));
        Names(nameof(ClipLimits.ImageSide), Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(ribbon)));

        ClipLimits.Current = new() { ImageSide = 100_000 };
        Assert.Equal(100_000, ImageDecoder.Decode(ribbon).Width);

        ClipLimits.Current = new() { ImageSide = 100_000, ImagePixels = 99_999 };
        Names(nameof(ClipLimits.ImagePixels), Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(ribbon)));

        ClipLimits.Current = new() { ImageFileBytes = 10 };
        Names(nameof(ClipLimits.ImageFileBytes), Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(ribbon)));
    }

    [Fact]
    public void A_limit_is_positive()
    {
        Assert.Equal("RowLength", Assert.Throws<ArgumentOutOfRangeException>(() => new ClipLimits { RowLength = 0 }).ParamName);
        Assert.Equal("StreamedTensorBytes", Assert.Throws<ArgumentOutOfRangeException>(() => new ClipLimits { StreamedTensorBytes = -1 }).ParamName);
        Assert.Throws<ArgumentNullException>(() => ClipLimits.Current = null!);
    }

    private static void Names(string limit, Exception error) => Assert.Contains($"(to raise it, set ClipLimits.Current with another {limit})", error.Message);

    private string Write(string name, byte[] content)
    {
        string path = _folder.At(name);
        File.WriteAllBytes(path, content);
        return path;
    }
}
