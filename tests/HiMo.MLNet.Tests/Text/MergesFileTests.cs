using System.IO.Compression;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

public sealed class MergesFileTests
{
    [Fact]
    public void Refuses_a_gzip_of_one_endless_line()
    {
        var file = new MemoryStream();
        using (var gzip = new GZipStream(file, CompressionLevel.Fastest, leaveOpen: true))
        {
            byte[] part = new byte[1 << 20];
            part.AsSpan().Fill((byte)'a');
            gzip.Write("#version: 0.2\na b\n"u8);
            for (int i = 0; i < 256; i++)
            {
                gzip.Write(part);
            }
        }

        file.Position = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        FormatException error = Assert.Throws<FormatException>(() => new ClipTokenizer(file));
        Assert.Equal($"Merges, line 3: expected at most 256 characters, found more: '{new string('a', 32)}…'.", error.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 40_000_000);
    }

    [Fact]
    public void Refuses_a_file_without_an_end()
    {
        FormatException error = Assert.Throws<FormatException>(() => new ClipTokenizer(new Endless()));
        Assert.Contains($"at most {MergesFile.MaxBytes:N0} bytes", error.Message);
    }

    [Fact]
    public void Reads_both_kinds_of_line_ends()
    {
        var tokenizer = new ClipTokenizer(new MemoryStream("#version: 0.2\r\na t</w>\r\nc at</w>\n"u8.ToArray()));
        Assert.Equal([513], tokenizer.Encode("cat"));
    }

    private sealed class Endless : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            buffer.AsSpan(offset, count).Fill((byte)'\n');
            return count;
        }

        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
