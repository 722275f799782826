using System.Buffers.Binary;
using System.Text;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Writes zip archives of stored entries, like PyTorch, with 32-bit or 64-bit fields in the directory.</summary>
internal static class ZipWriter
{
    internal static byte[] Store(IEnumerable<(string Name, byte[] Content)> entries, bool wide = false)
    {
        var file = new MemoryStream();
        var directory = new MemoryStream();
        int count = 0;
        foreach ((string? name, byte[]? content) in entries)
        {
            long offset = file.Position;
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            uint crc = Crc(content);

            Put(file, 4, 0x04034b50);
            Put(file, 2, 45, 0, 0, 0, 0x21);
            Put(file, 4, crc, content.Length, content.Length);
            Put(file, 2, bytes.Length, 5);
            file.Write(bytes);
            Put(file, 2, 0x4246, 1);
            Put(file, 1, 'Z');
            file.Write(content);

            Put(directory, 4, 0x02014b50);
            Put(directory, 2, 45, 45, 0, 0, 0, 0x21);
            Put(directory, 4, crc, wide ? uint.MaxValue : content.Length, wide ? uint.MaxValue : content.Length);
            Put(directory, 2, bytes.Length, wide ? 28 : 0, 0, 0, 0);
            Put(directory, 4, 0, wide ? uint.MaxValue : offset);
            directory.Write(bytes);
            if (wide)
            {
                Put(directory, 2, 1, 24);
                Put(directory, 8, content.Length, content.Length, offset);
            }

            count++;
        }

        long start = file.Position;
        directory.WriteTo(file);
        if (wide)
        {
            long record = file.Position;
            Put(file, 4, 0x06064b50);
            Put(file, 8, 44);
            Put(file, 2, 45, 45);
            Put(file, 4, 0, 0);
            Put(file, 8, count, count, directory.Length, start);
            Put(file, 4, 0x07064b50, 0);
            Put(file, 8, record);
            Put(file, 4, 1);
        }

        Put(file, 4, 0x06054b50);
        Put(file, 2, 0, 0, wide ? ushort.MaxValue : count, wide ? ushort.MaxValue : count);
        Put(file, 4, wide ? uint.MaxValue : directory.Length, wide ? uint.MaxValue : start);
        Put(file, 2, 0);
        return file.ToArray();
    }

    private static void Put(Stream stream, int width, params ReadOnlySpan<long> values)
    {
        Span<byte> bytes = stackalloc byte[8];
        foreach (long value in values)
        {
            BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
            stream.Write(bytes[..width]);
        }
    }

    private static uint Crc(ReadOnlySpan<byte> content)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in content)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xedb88320 & (uint)-(crc & 1));
            }
        }

        return ~crc;
    }
}
