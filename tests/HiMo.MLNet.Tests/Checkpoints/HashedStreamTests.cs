using System.Security.Cryptography;
using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class HashedStreamTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1000)]
    [InlineData(HashedStream.PieceBytes)]
    [InlineData((7 * HashedStream.PieceBytes) + 3)]
    public void What_is_read_and_written_is_passed_on_and_hashed(int length)
    {
        byte[] content = new byte[length], found = new byte[length];
        new Random(1).NextBytes(content);
        string expected = Convert.ToHexStringLower(SHA256.HashData(content));
        using var written = new MemoryStream();
        using var reader = new HashedStream(new MemoryStream(content));
        using var writer = new HashedStream(written);

        // Little, much, and little behind it.
        int head = Math.Min(10, length), tail = Math.Max(head, length - 10);
        reader.ReadExactly(found.AsSpan(0, head));
        reader.ReadExactly(found.AsSpan(head));
        writer.Write(content.AsSpan(0, head));
        writer.Write(content.AsSpan(head, tail - head));
        writer.Write(content.AsSpan(tail));

        Assert.Equal(content, found);
        Assert.Equal(content, written.ToArray());
        Assert.Equal((expected, expected), (reader.TakeHash(), writer.TakeHash()));
    }

    [Fact]
    public void A_stream_that_nobody_reads_to_its_end_ends_its_thread()
    {
        byte[] content = new byte[3 * HashedStream.PieceBytes];
        var reader = new HashedStream(new MemoryStream(content));
        reader.ReadExactly(new byte[2 * HashedStream.PieceBytes]);

        reader.Dispose();

        Assert.Throws<ObjectDisposedException>(() => reader.ReadExactly(new byte[HashedStream.PieceBytes]));
    }
}
