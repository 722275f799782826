using System.Numerics;
using System.Runtime.InteropServices;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Images;

/// <summary>
/// Reads uncompressed Windows bitmaps as Pillow does: up to 8 bits by their palette, 5- and 6-bit colours scaled and
/// cut, 32 bits with alpha only where the file's masks say so.
/// </summary>
internal static class BmpFile
{
    private const int FileHeaderBytes = 14, CoreHeaderBytes = 12, InfoHeaderBytes = 40, AlphaHeaderBytes = 56;
    private const int Uncompressed = 0, Masked = 3;

    /// <summary>The mode of a bitmap that SkiaSharp decodes: packed, hence with a palette, or of a rare layout.</summary>
    public static PixelMode ModeOf(ReadOnlySpan<byte> file) => new Header(file).Mode;

    /// <returns>The image, or null when the file is no bitmap or SkiaSharp has to unpack it.</returns>
    public static RgbImage? Read(ReadOnlySpan<byte> file, string name)
    {
        if (!file.StartsWith("BM"u8) || file.Length < FileHeaderBytes)
        {
            return null;
        }

        var header = new Header(file);
        if (!header.IsReadHere)
        {
            return null;
        }

        ImageDecoder.CheckSize(header.Width, header.Height, name);
        long stride = (((long)header.Width * header.Bits) + 31) / 32 * 4;
        if (header.DataAt < 0 || header.DataAt + (stride * header.Height) > file.Length)
        {
            throw new ImageReadException(name, "it is truncated");
        }

        Span<uint> colours = stackalloc uint[256];
        header.FillColours(file, colours);
        var image = new RgbImage(header.Width, header.Height, header.Mode);
        Span<uint> pixels = MemoryMarshal.Cast<byte, uint>(image.Pixels);
        for (int row = 0; row < header.Height; row++)
        {
            ReadOnlySpan<byte> from = file.Slice((int)(header.DataAt + (row * stride)), (int)stride);
            Span<uint> to = pixels.Slice((header.IsTopDown ? row : header.Height - 1 - row) * header.Width, header.Width);
            if (header.Bits <= 8)
            {
                for (int x = 0; x < to.Length; x++)
                {
                    to[x] = colours[PixelConversion.Index(from, x, header.Bits)];
                }
            }
            else
            {
                ReadColours(from, header, to);
            }
        }

        return image;
    }

    private static void ReadColours(ReadOnlySpan<byte> from, Header header, Span<uint> to)
    {
        int step = header.Bits / 8;
        for (int x = 0; x < to.Length; x++)
        {
            ReadOnlySpan<byte> pixel = from.Slice(x * step, step);
            uint value = step switch
            {
                2 => ReadUInt16LittleEndian(pixel),
                3 => (uint)(pixel[0] | (pixel[1] << 8) | (pixel[2] << 16)),
                _ => ReadUInt32LittleEndian(pixel),
            };
            to[x] = PixelConversion.Pack(Part(value, header.Red), Part(value, header.Green), Part(value, header.Blue))
                | ((uint)Part(value, header.Alpha) << 24);
        }

        // Scaled to 0..255 and cut.
        static byte Part(uint value, uint mask)
        {
            if (mask == 0)
            {
                return 0;
            }

            int shift = BitOperations.TrailingZeroCount(mask);
            return (byte)((ulong)((value & mask) >> shift) * 255 / (mask >> shift));
        }
    }

    private readonly struct Header
    {
        private readonly int _headerBytes, _compression, _colourCount;

        public Header(ReadOnlySpan<byte> file)
        {
            Span<byte> info = stackalloc byte[AlphaHeaderBytes];
            info.Clear();
            file[FileHeaderBytes..Math.Min(file.Length, FileHeaderBytes + AlphaHeaderBytes)].CopyTo(info);
            _headerBytes = ReadInt32LittleEndian(info);
            if (_headerBytes == CoreHeaderBytes)
            {
                Width = ReadUInt16LittleEndian(info[4..]);
                Height = ReadUInt16LittleEndian(info[6..]);
                Bits = ReadUInt16LittleEndian(info[10..]);
            }
            else
            {
                Width = ReadInt32LittleEndian(info[4..]);
                int height = ReadInt32LittleEndian(info[8..]);
                (Height, IsTopDown) = (height == int.MinValue ? 0 : Math.Abs(height), height < 0);
                Bits = ReadUInt16LittleEndian(info[14..]);
                _compression = ReadInt32LittleEndian(info[16..]);
                _colourCount = ReadInt32LittleEndian(info[32..]);
            }

            _colourCount = _colourCount == 0 && Bits <= 8 ? 1 << Bits : _colourCount;
            DataAt = ReadUInt32LittleEndian(file[10..]);
            if (DataAt == FileHeaderBytes + _headerBytes && Bits <= 8)
            {
                DataAt += 4L * _colourCount; // The file forgot its palette.
            }

            (Red, Green, Blue) = Bits == 16 ? (0x7C00u, 0x3E0u, 0x1Fu) : (0xFF0000u, 0xFF00u, 0xFFu);
            if (_compression == Masked)
            {
                Span<byte> masks = info[InfoHeaderBytes..];
                Red = ReadUInt32LittleEndian(masks);
                Green = ReadUInt32LittleEndian(masks[4..]);
                Blue = ReadUInt32LittleEndian(masks[8..]);
                Alpha = _headerBytes >= AlphaHeaderBytes && Bits == 32 ? ReadUInt32LittleEndian(masks[12..]) : 0;
            }

            Mode = Alpha != 0 ? PixelMode.RgbAlpha : Bits <= 8 && !IsGrey(file) ? PixelMode.Palette : PixelMode.Rgb;
        }

        public int Width { get; }

        public int Height { get; }

        public bool IsTopDown { get; }

        public int Bits { get; }

        public long DataAt { get; }

        public uint Red { get; }

        public uint Green { get; }

        public uint Blue { get; }

        public uint Alpha { get; }

        public PixelMode Mode { get; }

        public bool IsReadHere => (_headerBytes == CoreHeaderBytes || _headerBytes >= InfoHeaderBytes)
            && (_compression == Uncompressed ? Bits is 1 or 4 or 8 or 16 or 24 or 32 : _compression == Masked && Bits is 16 or 32);

        // Indices beyond the palette are greys.
        public void FillColours(ReadOnlySpan<byte> file, Span<uint> colours)
        {
            int entryBytes = _headerBytes == CoreHeaderBytes ? 3 : 4;
            long paletteAt = (long)FileHeaderBytes + _headerBytes;
            for (int i = 0; i < colours.Length; i++)
            {
                long at = paletteAt + (i * entryBytes);
                colours[i] = i < _colourCount && at >= 0 && at + 3 <= file.Length
                    ? PixelConversion.Pack(file[(int)at + 2], file[(int)at + 1], file[(int)at])
                    : PixelConversion.Grey(i);
            }
        }

        // Two colours are black and white or a palette to Pillow, never grey.
        private bool IsGrey(ReadOnlySpan<byte> file)
        {
            Span<uint> colours = stackalloc uint[256];
            FillColours(file, colours);
            for (int i = 0; i < colours.Length; i++)
            {
                if (_colourCount == 2 || colours[i] != PixelConversion.Grey(i))
                {
                    return false;
                }
            }

            return true;
        }
    }
}
