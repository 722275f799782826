using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Scoring;

public sealed class PlaneReaderTests
{
    [Fact]
    public void Pictures_are_decoded_and_forgotten_a_few_at_a_time()
    {
        using var pictures = new ToyPictures();                               // 32 x 32 pixels: 4,096 bytes each while decoding
        var gate = new ByteGate(20_000);
        var reader = new PlaneReader(32, gate);
        byte[][] planes = [.. Enumerable.Range(0, 160).Select(_ => new byte[reader.Length])];

        var threads = new ParallelOptions { MaxDegreeOfParallelism = 16 };
        Parallel.For(0, planes.Length, threads, i => reader.Read(new PictureSource(pictures.Rows[i % 16].ImagePath, null), planes[i]));

        Assert.InRange(gate.Peak, 4_096, 16_384);
        Assert.Equal(0, gate.Used);
        for (int i = 0; i < planes.Length; i++)
        {
            byte[] expected = new byte[reader.Length];
            new ClipPreprocessor(32).Process(ImageDecoder.Decode(pictures.Rows[i % 16].ImagePath), expected);
            Assert.Equal(expected, planes[i]);
        }
    }

    [Fact]
    public void A_picture_that_cannot_be_read_leaves_the_gate()
    {
        using var pictures = new ToyPictures();
        var gate = new ByteGate(1);
        var reader = new PlaneReader(32, gate);
        string whole = pictures.Rows[0].ImagePath, cut = Path.Combine(pictures.Folder, "cut.png");
        File.WriteAllBytes(cut, File.ReadAllBytes(whole)[..60]);

        Assert.Throws<ImageReadException>(() => reader.Read(new PictureSource(cut, null), new byte[reader.Length]));
        Assert.Throws<ImageReadException>(() => reader.Read(new PictureSource("/no/such/picture.png", null), new byte[reader.Length]));

        Assert.Equal(0, gate.Used);
        reader.Read(new PictureSource(whole, null), new byte[reader.Length]);
    }
}
