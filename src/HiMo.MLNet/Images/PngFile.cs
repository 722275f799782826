using System.Buffers;
using System.IO.Compression;
using System.Runtime.InteropServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Images;

/// <summary>
/// Tells in which mode Pillow opens a PNG, and reads those whose values SkiaSharp does not give as they are: palettes,
/// which indices may exceed, and 16-bit grey.
/// </summary>
internal static class PngFile
{
    private const byte Grey = 0, Palette = 3, GreyAlpha = 4, ColourAlpha = 6;
    private const int HeaderBytes = 13, ChunkFrame = 12; // Around a chunk's data: length, type and checksum.

    // Deflate packs at most so many bytes into one.
    private const long MaxInflation = 1032;

    private static readonly (int Left, int StepX, int Top, int StepY)[] s_wholePass = [(0, 1, 0, 1)];

    // Adam7: where the pixels of each pass lie.
    private static readonly (int Left, int StepX, int Top, int StepY)[] s_interlacedPasses =
        [(0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2)];

    private static readonly uint[] s_checksums = [.. Enumerable.Range(0, 256).Select(value => ChecksumOf((uint)value))];

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', (byte)'\r', (byte)'\n', 0x1A, (byte)'\n'];

    /// <summary>The mode of a PNG that SkiaSharp decodes. What the file declares transparent beside alpha stays as it is.</summary>
    public static PixelMode ModeOf(ReadOnlySpan<byte> file) => new Header(file) switch
    {
        { ColourType: Grey, Depth: 1 } => PixelMode.Palette,
        { ColourType: GreyAlpha or ColourAlpha } => PixelMode.RgbAlpha,
        _ => PixelMode.Rgb,
    };

    /// <returns>The image, or null when the file is no PNG or SkiaSharp gives the same.</returns>
    public static RgbImage? Read(ReadOnlySpan<byte> file, string name)
    {
        if (!file.StartsWith(Signature) || file.Length < Signature.Length + ChunkFrame + HeaderBytes)
        {
            return null;
        }

        var header = new Header(file);
        ImageDecoder.CheckSize(header.Width, header.Height, name);
        if ((long)header.Width * header.Height * header.PixelBits / 8 > file.Length * MaxInflation)
        {
            throw new ImageReadException(name, "it is truncated");
        }

        if (!header.IsReadHere)
        {
            return null;
        }

        Span<uint> colours = stackalloc uint[256];
        for (int i = 0; i < colours.Length; i++)
        {
            colours[i] = PixelConversion.Grey(i); // Indices beyond the palette are greys.
        }

        byte[] packed = ArrayPool<byte>.Shared.Rent(file.Length);
        var image = new RgbImage(header.Width, header.Height, header.ColourType == Palette ? PixelMode.Palette : PixelMode.Grey16);
        try
        {
            int length = Collect(file, packed, colours, name);
            using var inflated = new ZLibStream(new MemoryStream(packed, 0, length), CompressionMode.Decompress);
            ReadPixels(inflated, header, colours, MemoryMarshal.Cast<byte, uint>(image.Pixels), name);
            return image;
        }
        catch (Exception e)
        {
            image.Dispose();
            throw e switch
            {
                ImageReadException => e,
                EndOfStreamException => new ImageReadException(name, "it is truncated", e),
                IOException or InvalidDataException => new ImageReadException(name, "it is damaged", e),
                _ => e,
            };
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(packed);
        }
    }

    // Gathers the packed pixels and the palette from their chunks.
    private static int Collect(ReadOnlySpan<byte> file, Span<byte> packed, Span<uint> colours, string name)
    {
        int length = 0;
        ReadOnlySpan<byte> rest = file[Signature.Length..];
        while (rest.Length >= ChunkFrame)
        {
            uint stated = ReadUInt32BigEndian(rest);
            bool isWhole = stated <= rest.Length - ChunkFrame;
            ReadOnlySpan<byte> typed = rest.Slice(4, isWhole ? (int)stated + 4 : rest.Length - 4);
            if (isWhole && ReadUInt32BigEndian(rest[(typed.Length + 4)..]) != Checksum(typed))
            {
                throw new ImageReadException(name, "it is damaged");
            }

            ReadOnlySpan<byte> data = typed[4..];
            if (typed.StartsWith("IDAT"u8))
            {
                data.CopyTo(packed[length..]);
                length += data.Length;
            }
            else if (typed.StartsWith("PLTE"u8))
            {
                for (int i = 0; i < Math.Min(data.Length / 3, colours.Length); i++)
                {
                    colours[i] = PixelConversion.Pack(data[i * 3], data[(i * 3) + 1], data[(i * 3) + 2]);
                }
            }

            rest = isWhole && !typed.StartsWith("IEND"u8) ? rest[(typed.Length + 8)..] : [];
        }

        return length;
    }

    private static void ReadPixels(Stream inflated, Header header, ReadOnlySpan<uint> colours, Span<uint> pixels, string name)
    {
        foreach ((int left, int stepX, int top, int stepY) in header.IsInterlaced ? s_interlacedPasses : s_wholePass)
        {
            int width = (header.Width - left + stepX - 1) / stepX;
            int step = Math.Max(1, header.PixelBits / 8);
            byte[] row = new byte[1 + ((((long)width * header.PixelBits) + 7) / 8)], above = new byte[row.Length];
            for (int y = top; width > 0 && y < header.Height; y += stepY)
            {
                inflated.ReadExactly(row);
                if (!Unfilter(row[0], row.AsSpan(1), above.AsSpan(1), step))
                {
                    throw new ImageReadException(name, "it is damaged");
                }

                Span<uint> to = pixels.Slice(y * header.Width, header.Width);
                for (int x = 0; x < width; x++)
                {
                    to[left + (x * stepX)] = header.ColourType == Palette
                        ? colours[PixelConversion.Index(row.AsSpan(1), x, header.Depth)]
                        : ReadUInt16BigEndian(row.AsSpan(1 + (x * 2)));
                }

                (row, above) = (above, row);
            }
        }
    }

    private static bool Unfilter(byte filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        for (int i = 0; i < row.Length && filter != 0; i++)
        {
            int left = i < step ? 0 : row[i - step];
            row[i] += filter switch
            {
                1 => (byte)left,
                2 => above[i],
                3 => (byte)((left + above[i]) / 2),
                _ => (byte)Paeth(left, above[i], i < step ? 0 : above[i - step]),
            };
        }

        return filter <= 4;

        static int Paeth(int left, int above, int corner)
        {
            (int toLeft, int toAbove) = (Math.Abs(above - corner), Math.Abs(left - corner));
            int toCorner = Math.Abs(left + above - (2 * corner));
            return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
        }
    }

    private static uint Checksum(ReadOnlySpan<byte> data)
    {
        uint sum = uint.MaxValue;
        foreach (byte value in data)
        {
            sum = s_checksums[(byte)(sum ^ value)] ^ (sum >> 8);
        }

        return ~sum;
    }

    private static uint ChecksumOf(uint value)
    {
        for (int bit = 0; bit < 8; bit++)
        {
            value = (value & 1) != 0 ? (value >> 1) ^ 0xEDB88320 : value >> 1;
        }

        return value;
    }

    private readonly struct Header
    {
        public Header(ReadOnlySpan<byte> file)
        {
            ReadOnlySpan<byte> data = file.Slice(Signature.Length + 8, HeaderBytes);
            Width = ReadInt32BigEndian(data);
            Height = ReadInt32BigEndian(data[4..]);
            (Depth, ColourType, IsInterlaced) = (data[8], data[9], data[12] == 1);
        }

        public int Width { get; }

        public int Height { get; }

        public byte Depth { get; }

        public byte ColourType { get; }

        public bool IsInterlaced { get; }

        public int PixelBits => Depth * ColourType switch { Grey or Palette => 1, GreyAlpha => 2, ColourAlpha => 4, _ => 3 };

        public bool IsReadHere => this is { ColourType: Palette, Depth: 1 or 2 or 4 or 8 } or { ColourType: Grey, Depth: 16 };
    }
}
