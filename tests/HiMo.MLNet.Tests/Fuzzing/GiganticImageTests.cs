using HiMo.MLNet.Images;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Memory is looked at: these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class GiganticImageTests
{
    [Fact]
    public void Headers_of_the_largest_size_decoded_in_parallel_are_refused_without_their_memory()
    {
        (string Format, byte[] File)[] images = [.. Enumerable.Repeat(ImageFuzz.Gigantic(), 20).SelectMany(format => format)];
        long before = GC.GetTotalAllocatedBytes(precise: true);

        Parallel.ForEach(images, image =>
            Assert.Equal(image.Format, Assert.Throws<ImageReadException>(() => ImageDecoder.Decode(new MemoryStream(image.File), image.Format)).Path));

        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 100_000_000);
    }
}
