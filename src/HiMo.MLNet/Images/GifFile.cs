using System.Buffers;
using System.Runtime.InteropServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Images;

/// <summary>
/// Reads a GIF's first frame as Pillow does: transparent pixels and what the frame leaves free of the screen show the
/// palette's colour, and a palette that is the scale of greys makes a grey image, which is interpolated.
/// </summary>
internal static class GifFile
{
    private const int HeaderBytes = 13, FrameBytes = 9, TableLength = 4096;

    // Dictionaries grow by one string a code: none is longer than the table, and no code is shorter than three bits.
    private const long MaxPixelsPerByte = TableLength * 8 / 3;

    // Interlacing: every eighth row, then those between, then every fourth, then every other.
    private static readonly (int Start, int Step)[] s_passes = [(0, 8), (4, 8), (2, 4), (1, 2)];

    /// <returns>The image, or null when the file is no GIF.</returns>
    public static RgbImage? Read(ReadOnlySpan<byte> file, string name)
    {
        if (!file.StartsWith("GIF87a"u8) && !file.StartsWith("GIF89a"u8))
        {
            return null;
        }

        try
        {
            return ReadFirstFrame(file, name);
        }
        catch (Exception e) when (e is IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            throw new ImageReadException(name, "it is truncated", e);
        }
    }

    // What reads past the end throws, which the caller reports as truncation.
    private static RgbImage ReadFirstFrame(ReadOnlySpan<byte> file, string name)
    {
        int screenWidth = ReadUInt16LittleEndian(file[6..]);
        int screenHeight = ReadUInt16LittleEndian(file[8..]);
        ReadOnlySpan<byte> rest = file[HeaderBytes..];
        ReadOnlySpan<byte> palette = TakePalette(file[10], ref rest);
        int transparent = SkipExtensions(ref rest, name);
        ReadOnlySpan<byte> frame = rest.Slice(1, FrameBytes);
        int left = ReadUInt16LittleEndian(frame);
        int top = ReadUInt16LittleEndian(frame[2..]);
        int width = ReadUInt16LittleEndian(frame[4..]);
        int height = ReadUInt16LittleEndian(frame[6..]);
        rest = rest[(1 + FrameBytes)..];
        ReadOnlySpan<byte> own = TakePalette(frame[8], ref rest);
        palette = own.IsEmpty ? palette : own;

        (screenWidth, screenHeight) = (Math.Max(screenWidth, left + width), Math.Max(screenHeight, top + height));
        ImageDecoder.CheckSize(screenWidth, screenHeight, name);
        if ((long)width * height > rest.Length * MaxPixelsPerByte)
        {
            throw new ImageReadException(name, "it is truncated");
        }

        Span<uint> colours = stackalloc uint[256];
        var image = new RgbImage(screenWidth, screenHeight, FillColours(palette, colours) ? PixelMode.Rgb : PixelMode.Palette);
        byte[] indices = ArrayPool<byte>.Shared.Rent(width * height);
        try
        {
            int count = Expand(rest, indices.AsSpan(0, width * height), name);
            MemoryMarshal.Cast<byte, uint>(image.Pixels).Fill(colours[transparent]);
            Draw(indices.AsSpan(0, count), left, top, width, interlacedHeight: (frame[8] & 0x40) != 0 ? height : 0, colours, image);
            return image;
        }
        catch
        {
            image.Dispose();
            throw;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(indices);
        }
    }

    // Up to the first frame. Returns its transparent index; the first one where there is none.
    private static int SkipExtensions(scoped ref ReadOnlySpan<byte> rest, string name)
    {
        int transparent = 0;
        while (rest[0] != ',')
        {
            if (rest[0] == ';')
            {
                throw new ImageReadException(name, "it holds no image");
            }

            bool isExtension = rest[0] == '!';
            rest = rest[1..];
            if (isExtension)
            {
                bool isControl = rest[0] == 0xF9 && rest[1] >= 4;
                transparent = isControl && (rest[2] & 1) != 0 ? rest[5] : transparent;
                rest = rest[1..];
                while (TakeBlock(ref rest).Length > 0)
                {
                }
            }
        }

        return transparent;
    }

    private static void Draw(
        ReadOnlySpan<byte> indices, int left, int top, int width, int interlacedHeight, ReadOnlySpan<uint> colours, RgbImage image)
    {
        Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        for (int row = 0; row * width < indices.Length; row++)
        {
            ReadOnlySpan<byte> from = indices.Slice(row * width, Math.Min(width, indices.Length - (row * width)));
            int y = top + (interlacedHeight > 0 ? InterlacedRow(row, interlacedHeight) : row);
            Span<uint> to = pixels.Slice((y * image.Width) + left, from.Length);
            for (int x = 0; x < from.Length; x++)
            {
                to[x] = colours[from[x]];
            }
        }
    }

    private static ReadOnlySpan<byte> TakePalette(byte flags, scoped ref ReadOnlySpan<byte> rest)
    {
        if ((flags & 0x80) == 0)
        {
            return [];
        }

        int length = 3 << ((flags & 7) + 1);
        ReadOnlySpan<byte> palette = rest[..length];
        rest = rest[length..];
        return palette;
    }

    private static ReadOnlySpan<byte> TakeBlock(scoped ref ReadOnlySpan<byte> rest)
    {
        ReadOnlySpan<byte> block = rest.Slice(1, rest[0]);
        rest = rest[(1 + block.Length)..];
        return block;
    }

    // Indices beyond the palette are greys. Returns whether all are.
    private static bool FillColours(ReadOnlySpan<byte> palette, Span<uint> colours)
    {
        bool isGrey = true;
        for (int i = 0; i < colours.Length; i++)
        {
            ReadOnlySpan<byte> entry = palette[Math.Min(i * 3, palette.Length)..];
            colours[i] = entry.IsEmpty ? PixelConversion.Grey(i) : PixelConversion.Pack(entry[0], entry[1], entry[2]);
            isGrey &= colours[i] == PixelConversion.Grey(i);
        }

        return isGrey;
    }

    private static int InterlacedRow(int row, int height)
    {
        foreach ((int start, int step) in s_passes)
        {
            int rows = Math.Max(0, (height - start + step - 1) / step);
            if (row < rows)
            {
                return start + (row * step);
            }

            row -= rows;
        }

        throw new ArgumentOutOfRangeException(nameof(row));
    }

    // LZW. Returns how many indices the data holds; an end mark may come early.
    private static int Expand(ReadOnlySpan<byte> rest, Span<byte> indices, string name)
    {
        int firstBits = rest[0];
        var codes = new CodeReader(rest[1..], name);
        if (firstBits is < 1 or > 11)
        {
            throw new ImageReadException(name, "it is damaged");
        }

        // A string is its predecessor and one index more: both are found in what was written already.
        Span<int> starts = stackalloc int[TableLength];
        Span<int> lengths = stackalloc int[TableLength];
        int clear = 1 << firstBits, end = clear + 1, next = end + 1, bits = firstBits + 1;
        int previous = -1, previousStart = 0, previousLength = 0, count = 0;
        while (count < indices.Length)
        {
            int code = codes.Read(bits);
            if (code == end)
            {
                break;
            }

            if (code == clear)
            {
                (next, bits, previous) = (end + 1, firstBits + 1, -1);
                continue;
            }

            if (code > next || (previous < 0 && code > clear))
            {
                throw new ImageReadException(name, "it is damaged");
            }

            int start = count;
            if (previous >= 0 && next < TableLength)
            {
                // The previous string and the index after it, which the current one begins with.
                (starts[next], lengths[next]) = (previousStart, previousLength + 1);
                next++;
                bits += next == 1 << bits && bits < 12 ? 1 : 0;
            }

            if (code < clear)
            {
                indices[count++] = (byte)code;
            }
            else
            {
                for (int from = starts[code], stop = starts[code] + lengths[code]; from < stop && count < indices.Length; from++)
                {
                    indices[count++] = indices[from];
                }
            }

            (previous, previousStart, previousLength) = (code, start, count - start);
        }

        return count;
    }

    // Codes of changing width, the lowest bits first, from blocks of bytes.
    private ref struct CodeReader(ReadOnlySpan<byte> rest, string name)
    {
        private ReadOnlySpan<byte> _rest = rest;
        private ReadOnlySpan<byte> _block;
        private int _held, _heldBits;

        public int Read(int bits)
        {
            while (_heldBits < bits)
            {
                if (_block.IsEmpty)
                {
                    _block = TakeBlock(ref _rest);
                    if (_block.IsEmpty)
                    {
                        throw new ImageReadException(name, "it is truncated");
                    }
                }

                _held |= _block[0] << _heldBits;
                _heldBits += 8;
                _block = _block[1..];
            }

            int code = _held & ((1 << bits) - 1);
            (_held, _heldBits) = (_held >> bits, _heldBits - bits);
            return code;
        }
    }
}
