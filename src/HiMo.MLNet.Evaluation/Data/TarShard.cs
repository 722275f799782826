using System.Formats.Tar;
using System.Text;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace HiMo.MLNet.Data;

/// <summary>
/// A tar file of WebDataset, as img2dataset writes it: the members of a sample stand together and share their name up to its first dot;
/// <c>.jpg</c>, <c>.png</c> and the like is the image, <c>.txt</c> the caption, or else the field <c>caption</c> of <c>.json</c>. Other
/// members are gone past. Nothing is unpacked: names are names, and an image's bytes are read from their place in the file when they
/// are asked for.
/// </summary>
internal sealed class TarShard(string file, string name, string? captionField)
{
    private const int HeaderBuffer = 16 * 1024, BlockSize = 512, TypeFlag = 156, SizeField = 124, SizeLength = 12;

    // Of a long name and what else stands before an entry.
    private const int MostNameBytes = 1 << 20;

    public IEnumerable<CaptionedImage> Read()
    {
        using FileStream stream = new(file, FileMode.Open, FileAccess.Read, FileShare.Read, HeaderBuffer);
        using SafeFileHandle texts = File.OpenHandle(file);
        using TarReader reader = new(stream);
        Sample? sample = null;
        TarEntry? before = null;
        for (TarEntry? entry; (entry = Next(reader, stream, texts, before)) is not null; before = entry)
        {
            if (entry.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.ContiguousFile))
            {
                continue;
            }

            (string key, string extension) = Key(entry.Name);
            if (sample is not null && sample.Key != key)
            {
                yield return Finish(sample, texts);
                sample = null;
            }

            sample ??= new(key);
            sample.Add(extension, entry, At);
        }

        if (sample is not null)
        {
            yield return Finish(sample, texts);
        }
    }

    private SourceLocation At(string member) => new($"{file}, member {member.Quoted()}");

    private TarEntry? Next(TarReader reader, FileStream stream, SafeFileHandle headers, TarEntry? before)
    {
        string behind = before is null ? "at its start" : $"behind member {before.Name.Quoted()}";
        long end = before is null ? 0 : before.DataOffset + Blocks(before.Length);
        CheckNames(headers, end, stream.Length, behind);
        TarEntry? entry;
        try
        {
            entry = reader.GetNextEntry();
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException or OverflowException
            or InvalidDataException)
        {
            throw new SourceLocation(file).Error($"the shard is cut or damaged {behind}: {e.Message}", e);
        }

        if (entry is null)
        {
            // Two blocks of zeros end a tar; a reader that is content without them takes a shard that is cut between two members.
            return end + BlockSize <= stream.Length ? null
                : throw new SourceLocation(file).Error($"the shard is cut {behind}: expected the blocks of zeros that end a tar.");
        }

        return entry.Length <= stream.Length - entry.DataOffset ? entry
            : throw At(entry.Name).Error(
                $"the shard is cut: expected {entry.Length} bytes from {entry.DataOffset} on, found the end at {stream.Length}.");
    }

    private static long Blocks(long length) => (length + BlockSize - 1) / BlockSize * BlockSize;

    // Long names stand in entries of their own before the one that they name; a reader takes the memory that their heads ask for.
    private void CheckNames(SafeFileHandle headers, long position, long length, string behind)
    {
        Span<byte> header = stackalloc byte[BlockSize];
        while (RandomAccess.Read(headers, header, position) == BlockSize && "xgLK"u8.Contains(header[TypeFlag]))
        {
            long size = 0;
            foreach (byte digit in header.Slice(SizeField, SizeLength).Trim(" \0"u8))
            {
                size = size <= MostNameBytes && digit is >= (byte)'0' and <= (byte)'7' ? (8 * size) + digit - '0' : int.MaxValue;
            }

            if (size > MostNameBytes || position + BlockSize + size > length)
            {
                throw new SourceLocation(file).Error(
                    $"the shard is cut or damaged {behind}: expected a name of at most {MostNameBytes} bytes, found one of {size}.");
            }

            position += BlockSize + Blocks(size);
        }
    }

    // WebDataset's own rule.
    private (string Key, string Extension) Key(string member)
    {
        int limit = ClipLimits.Current.PathLength;
        if (member.Length > limit)
        {
            throw At(member).Error($"{ClipLimits.AtMost(limit, "characters of a path")}, found {member.Length}.");
        }

        int start = member.LastIndexOf('/') + 1, dot = member.IndexOf('.', start);
        return dot < 0 ? (member, "") : (member[..dot], member[dot..].ToLowerInvariant());
    }

    private CaptionedImage Finish(Sample sample, SafeFileHandle texts)
    {
        SourceLocation source = At(sample.Key);
        if (sample.Image is not { } image)
        {
            throw source.Error(
                $"expected an image ({string.Join(", ", ImageFiles.Extensions)}) among the members of this name, which stand together, "
                + "found none.");
        }

        string? caption = sample.Text is { } text && captionField is null ? ReadText(text, texts)
            : sample.Json is { } json ? ReadField(json, texts)
            : null;
        string[] captions = caption is null ? [] : [caption.Trim().ReplaceLineEndings(" ")];
        return new($"{name}/{image.Name}", captions, source) { Encoded = () => ReadImage(image) };
    }

    private byte[] ReadImage(Member image)
    {
        int limit = ClipLimits.Current.ImageFileBytes;
        if (image.Length > limit)
        {
            throw new ImageReadException($"{name}/{image.Name}",
                $"{ClipLimits.AtMost(limit, "bytes of an image file")}, found {image.Length}");
        }

        using SafeFileHandle handle = File.OpenHandle(file);
        return Bytes(image, handle);
    }

    private byte[] Bytes(Member member, SafeFileHandle handle)
    {
        byte[] bytes = new byte[member.Length];
        int done = 0;
        for (int count = 1; done < bytes.Length && count > 0; done += count)
        {
            count = RandomAccess.Read(handle, bytes.AsSpan(done), member.Offset + done);
        }

        return done == bytes.Length ? bytes
            : throw At(member.Name).Error($"the shard is cut: expected {member.Length} bytes from {member.Offset} on, found {done}.");
    }

    private string ReadText(Member text, SafeFileHandle handle)
    {
        TextRows.CheckLength(text.Length, At(text.Name), "bytes");
        return Encoding.UTF8.GetString(Bytes(text, handle));
    }

    private string? ReadField(Member json, SafeFileHandle handle)
    {
        const string usual = "caption";
        TextRows.CheckLength(json.Length, At(json.Name), "bytes");
        try
        {
            using var document = JsonDocument.Parse(Bytes(json, handle));
            JsonElement value = default;
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty(captionField ?? usual, out value) && value.ValueKind != JsonValueKind.Null
                    ? value.ToText((captionField ?? usual).Quoted(), At(json.Name))
                    : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw At(json.Name).Error($"expected a JSON object. {e.Message}", e);
        }
    }

    private sealed record Member(string Name, long Offset, long Length);

    private sealed class Sample(string key)
    {
        public string Key { get; } = key;

        public Member? Image { get; private set; }

        public Member? Text { get; private set; }

        public Member? Json { get; private set; }

        public void Add(string extension, TarEntry entry, Func<string, SourceLocation> at)
        {
            Member member = new(entry.Name, entry.DataOffset, entry.Length);
            Member? other = null;
            switch (extension)
            {
                case ".txt":
                    (other, Text) = (Text, member);
                    break;
                case ".json":
                    (other, Json) = (Json, member);
                    break;
                case var _ when ImageFiles.Extensions.Contains(extension):
                    (other, Image) = (Image, member);
                    break;
            }

            if (other is not null)
            {
                throw at(member.Name).Error($"the sample has {other.Name.Quoted()} already: expected one image, one .txt and one .json.");
            }
        }
    }
}
