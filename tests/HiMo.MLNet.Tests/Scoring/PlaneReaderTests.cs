using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Scoring;

public sealed class PlaneReaderTests
{
    [Fact]
    public void Images_are_decoded_and_forgotten_a_few_at_a_time()
    {
        using var images = new ToyImages();                               // 32 x 32 pixels: 4,096 bytes each while decoding
        var gate = new ByteGate(20_000);
        var reader = new PlaneReader(32, gate);
        byte[][] planes = [.. Enumerable.Range(0, 160).Select(_ => new byte[reader.Length])];

        var threads = new ParallelOptions { MaxDegreeOfParallelism = 16 };
        Parallel.For(0, planes.Length, threads, i => reader.Read(new ImageSource(images.Rows[i % 16].ImagePath, null), planes[i]));

        Assert.InRange(gate.Peak, 4_096, 16_384);
        Assert.Equal(0, gate.Used);
        for (int i = 0; i < planes.Length; i++)
        {
            byte[] expected = new byte[reader.Length];
            new ClipPreprocessor(32).Process(ImageDecoder.Decode(images.Rows[i % 16].ImagePath), expected);
            Assert.Equal(expected, planes[i]);
        }
    }

    [Fact]
    public void An_image_that_cannot_be_read_leaves_the_gate()
    {
        using var images = new ToyImages();
        var gate = new ByteGate(1);
        var reader = new PlaneReader(32, gate);
        string whole = images.Rows[0].ImagePath, cut = Path.Combine(images.Folder, "cut.png");
        File.WriteAllBytes(cut, File.ReadAllBytes(whole)[..60]);

        Assert.Throws<ImageReadException>(() => reader.Read(new ImageSource(cut, null), new byte[reader.Length]));
        Assert.Throws<ImageReadException>(() => reader.Read(new ImageSource("/no/such/image.png", null), new byte[reader.Length]));

        Assert.Equal(0, gate.Used);
        reader.Read(new ImageSource(whole, null), new byte[reader.Length]);
    }
}
