using System.IO.Compression;
using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// The table of contents of a zip archive. Unlike <see cref="ZipArchive"/> it says where in the file an entry's bytes lie, so
/// that any part of a stored tensor is read straight into its memory; it refuses entries of one name, and counts entries
/// before it reads them, where ZipArchive takes in as many as there are.
/// </summary>
/// <param name="file">The archive.</param>
internal sealed class ZipDirectory(CheckpointFile file)
{
    private const int EndRecordBytes = 22;
    private const int Zip64LocatorBytes = 20;
    private const int Zip64EndRecordBytes = 56;
    private const int EntryBytes = 46;
    private const int LocalHeaderBytes = 30;

    private readonly Dictionary<string, Entry> _entries = [];

    internal IReadOnlyCollection<string> Names => _entries.Keys;

    internal bool Contains(string name) => _entries.ContainsKey(name);

    internal static ZipDirectory Read(CheckpointFile file)
    {
        const string place = "zip directory";
        (ulong count, long offset, long length) = FindDirectory(file);
        if (offset < 0 || length < 0 || offset > file.Length || length > file.Length - offset)
        {
            throw file.Error(place, $"expected inside the file of {file.Length} bytes, found {length} bytes at {offset}");
        }

        ClipLimits limits = ClipLimits.Current;
        if (count > (ulong)limits.Tensors)
        {
            throw file.Error(place, $"{ClipLimits.AtMost(limits.Tensors, "entries")}, found {count}");
        }

        if (length > limits.PickleBytes)
        {
            throw file.Error(place, $"{ClipLimits.AtMost(limits.PickleBytes, "bytes")}, found {length}");
        }

        var directory = new ZipDirectory(file);
        byte[] bytes = new byte[length];
        file.ReadExactly(offset, bytes, place);
        Span<byte> rest = bytes.AsSpan();
        for (ulong i = 0; i < count; i++)
        {
            rest = rest[directory.Add(rest, i)..];
        }

        return directory;
    }

    /// <summary>Where a stored entry's bytes lie in the file.</summary>
    /// <exception cref="CheckpointFormatException">There is no such entry, or it is compressed.</exception>
    internal (long Offset, long Length) Locate(string name)
    {
        Entry entry = Find(name);
        return entry.Method == 0
            ? (DataOffset(entry, name), entry.Length)
            : throw file.Error(Place(name),
                $"expected an entry stored as it is, found compression method {entry.Method}; save the checkpoint again with torch.save");
    }

    /// <summary>Opens a small entry for reading, decompressing it where necessary.</summary>
    internal (Stream Stream, long Length) Open(string name)
    {
        ClipLimits limits = ClipLimits.Current;
        Entry entry = Find(name);
        if (entry.Length > limits.PickleBytes)
        {
            throw file.Error(Place(name), $"{ClipLimits.AtMost(limits.PickleBytes, "bytes")}, found {entry.Length}");
        }

        if (entry.Method == 8 && entry.Length / limits.ExpansionRatio > entry.CompressedLength)
        {
            throw file.Error(
                Place(name),
                $"{ClipLimits.AtMost(limits.ExpansionRatio, "decompressed bytes per byte")}, found {entry.CompressedLength} that claim "
                + $"to expand to {entry.Length}");
        }

        var section = new FileSection(file, DataOffset(entry, name), entry.CompressedLength);
        return entry.Method switch
        {
            0 => (section, entry.Length),
            8 => (new DeflateStream(section, CompressionMode.Decompress), entry.Length),
            _ => throw file.Error(Place(name), $"expected compression method 0 or 8, found {entry.Method}"),
        };
    }

    private Entry Find(string name) =>
        _entries.TryGetValue(name, out Entry entry) ? entry : throw file.Error(Place(name), "the archive has no such entry");

    private long DataOffset(Entry entry, string name)
    {
        Span<byte> header = stackalloc byte[LocalHeaderBytes];
        file.ReadExactly(entry.HeaderOffset, header, Place(name));
        if (ReadUInt32LittleEndian(header) != 0x04034b50)
        {
            throw file.Error(Place(name), $"expected an entry's header at byte {entry.HeaderOffset}");
        }

        long offset = entry.HeaderOffset + LocalHeaderBytes
            + ReadUInt16LittleEndian(header[26..]) + ReadUInt16LittleEndian(header[28..]);
        return entry.CompressedLength <= file.Length - offset
            ? offset
            : throw file.Error(Place(name), $"its {entry.CompressedLength} bytes from {offset} on reach past the end of the file");
    }

    private int Add(ReadOnlySpan<byte> record, ulong index)
    {
        const string place = "zip directory";
        if (record.Length < EntryBytes || ReadUInt32LittleEndian(record) != 0x02014b50)
        {
            throw file.Error(place, $"expected entry {index}, found something else");
        }

        ushort flags = ReadUInt16LittleEndian(record[8..]);
        ushort nameLength = ReadUInt16LittleEndian(record[28..]);
        ushort extraLength = ReadUInt16LittleEndian(record[30..]);
        ushort commentLength = ReadUInt16LittleEndian(record[32..]);
        int total = EntryBytes + nameLength + extraLength + commentLength;
        if (record.Length < total)
        {
            throw file.Error(place, $"entry {index} reaches past the end of the directory");
        }

        string name = Encoding.UTF8.GetString(record.Slice(EntryBytes, nameLength));
        ulong compressed = ReadUInt32LittleEndian(record[20..]);
        ulong length = ReadUInt32LittleEndian(record[24..]);
        ulong header = ReadUInt32LittleEndian(record[42..]);
        ReadZip64(record.Slice(EntryBytes + nameLength, extraLength), ref length, ref compressed, ref header);

        var entry = new Entry(ReadUInt16LittleEndian(record[10..]), (long)compressed, (long)length, (long)header);
        ulong limit = (ulong)file.Length;
        if (compressed > limit || header > limit || length > long.MaxValue || (entry.Method == 0 && length != compressed))
        {
            throw file.Error(Place(name), $"sizes {compressed} and {length} at byte {header} do not fit a file of {file.Length} bytes");
        }

        if ((flags & 1) != 0)
        {
            throw file.Error(Place(name), "the entry is encrypted");
        }

        if (!_entries.TryAdd(name, entry))
        {
            throw file.Error(Place(name), "the archive has two entries of this name");
        }

        return total;
    }

    /// <summary>Takes the 64-bit values of those fields that did not fit 32 bits; they come in this order.</summary>
    private static void ReadZip64(ReadOnlySpan<byte> extra, ref ulong length, ref ulong compressed, ref ulong header)
    {
        while (extra.Length >= 4)
        {
            ushort id = ReadUInt16LittleEndian(extra);
            int size = Math.Min(ReadUInt16LittleEndian(extra[2..]), extra.Length - 4);
            if (id == 1)
            {
                ReadOnlySpan<byte> values = extra.Slice(4, size);
                Take(ref values, ref length);
                Take(ref values, ref compressed);
                Take(ref values, ref header);
                return;
            }

            extra = extra[(4 + size)..];
        }

        static void Take(ref ReadOnlySpan<byte> values, ref ulong field)
        {
            if (field == uint.MaxValue && values.Length >= 8)
            {
                field = ReadUInt64LittleEndian(values);
                values = values[8..];
            }
        }
    }

    private static (ulong Count, long Offset, long Length) FindDirectory(CheckpointFile file)
    {
        const string place = "zip directory";

        // The end record is last but for a comment of up to 65,535 bytes.
        byte[] tail = new byte[(int)Math.Min(file.Length, EndRecordBytes + ushort.MaxValue)];
        long tailOffset = file.Length - tail.Length;
        file.ReadExactly(tailOffset, tail, place);
        int at = tail.Length - EndRecordBytes;
        while (at >= 0 && ReadUInt32LittleEndian(tail.AsSpan(at)) != 0x06054b50)
        {
            at--;
        }

        if (at < 0)
        {
            throw file.Error(place, "expected one at the end of the file, found none; the file is incomplete");
        }

        Span<byte> end = tail.AsSpan(at);
        ulong count = ReadUInt16LittleEndian(end[10..]);
        long length = ReadUInt32LittleEndian(end[12..]);
        long offset = ReadUInt32LittleEndian(end[16..]);

        int locatorAt = at - Zip64LocatorBytes;
        if (locatorAt >= 0 && ReadUInt32LittleEndian(tail.AsSpan(locatorAt)) == 0x07064b50)
        {
            long recordAt = ReadInt64LittleEndian(tail.AsSpan(locatorAt + 8));
            if (recordAt < 0 || recordAt > file.Length - Zip64EndRecordBytes)
            {
                throw file.Error(place, $"expected a 64-bit end record inside the file, found it at byte {recordAt}");
            }

            Span<byte> record = stackalloc byte[Zip64EndRecordBytes];
            file.ReadExactly(recordAt, record, place);
            if (ReadUInt32LittleEndian(record) != 0x06064b50)
            {
                throw file.Error(place, $"expected a 64-bit end record at byte {recordAt}");
            }

            count = ReadUInt64LittleEndian(record[32..]);
            length = ReadInt64LittleEndian(record[40..]);
            offset = ReadInt64LittleEndian(record[48..]);
        }

        return (count, offset, length);
    }

    private static string Place(string name) => $"zip entry {name.Quoted()}";

    private readonly record struct Entry(int Method, long CompressedLength, long Length, long HeaderOffset);
}
