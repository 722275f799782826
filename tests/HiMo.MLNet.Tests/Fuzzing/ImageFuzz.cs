using System.Buffers.Binary;
using System.Text;
using HiMo.MLNet.Images;
using SkiaSharp;
using PngFile = HiMo.MLNet.Tests.Images.PngFile;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Images of every format: sizes that lie, chunks exchanged and repeated, bits turned.</summary>
internal static class ImageFuzz
{
    private static readonly int[] s_sizes = [0, 1, 2, 7, 8, 255, 256, 3_000, 16_383, 65_535, 65_536, -1, int.MaxValue];

    public static IEnumerable<FuzzKind> Kinds(string folder)
    {
        yield return Kind("PNG", random => Png(random, random.Pick(s_png)));
        yield return Kind("JPEG", random => Sized(random, s_jpeg, Find(s_jpeg, [0xff, 0xc0]) + 5, 2, bigEndian: true));
        yield return Kind("GIF", random => Sized(random, s_gif, random.Next(2) == 0 ? 6 : s_gif.AsSpan().IndexOf((byte)',') + 5, 2, bigEndian: false));
        yield return Kind("BMP", random => Sized(random, random.Pick(s_bmp), 18, 4, bigEndian: false));
        yield return Kind("WebP", random => Sized(random, random.Pick(s_webP), 26, 2, bigEndian: false));
    }

    /// <summary>A good image of every format whose header then says 65,535 by 65,535, or the most that the format can say.</summary>
    public static IEnumerable<(string Format, byte[] File)> Gigantic()
    {
        yield return ("PNG", PngFile.Create(65_535, 8, 2, [], height: 65_535));
        foreach ((string format, byte[] file, int at, int width, bool bigEndian) in new[]
        {
            ("JPEG", s_jpeg, Find(s_jpeg, [0xff, 0xc0]) + 5, 2, true), ("GIF", s_gif, 6, 2, false), ("BMP", s_bmp[0], 18, 4, false), ("WebP", s_webP[0], 26, 2, false),
        })
        {
            byte[] changed = [.. file];
            int most = format == "WebP" ? 16_383 : 65_535;
            SetSize(changed, at, width, bigEndian, most);
            SetSize(changed, at + width, width, bigEndian, most);
            yield return (format, changed);
        }
    }

    private static FuzzKind Kind(string name, Func<Random, byte[]> make) =>
        new(name, make, Read, error => error is ImageReadException, (7 * 100_000_000L) + (16 << 20));

    private static void Read(byte[] input)
    {
        object image = ImageDecoder.Decode(new MemoryStream(input), "case");
        (image as IDisposable)?.Dispose();
    }

    private static byte[] Sized(Random random, byte[] original, int at, int width, bool bigEndian)
    {
        byte[] file = random.Next(3) == 0 ? [.. original] : Mutations.Bytes(random, original);
        if (random.Next(3) == 0 && file.Length > at + (2 * width))
        {
            SetSize(file, at + (random.Next(2) * width), width, bigEndian, random.Pick(s_sizes));
        }

        return file;
    }

    private static void SetSize(byte[] file, int at, int width, bool bigEndian, int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        Array.Resize(ref bytes, width);
        if (bigEndian)
        {
            Array.Reverse(bytes);
        }

        bytes.CopyTo(file, at);
    }

    private static byte[] Png(Random random, byte[] original)
    {
        if (random.Next(3) == 0)
        {
            return Mutations.Bytes(random, original);
        }

        List<(string Type, byte[] Data)> chunks = [];
        for (int at = 8; at < original.Length;)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(original.AsSpan(at));
            chunks.Add((Encoding.ASCII.GetString(original, at + 4, 4), original[(at + 8)..(at + 8 + length)]));
            at += length + 12;
        }

        for (int rounds = random.Next(1, 3); rounds > 0; rounds--)
        {
            int i = random.Next(chunks.Count), other = random.Next(chunks.Count);
            switch (random.Next(5))
            {
                case 0:
                    chunks.Insert(other, chunks[i]);
                    break;
                case 1:
                    (chunks[i], chunks[other]) = (chunks[other], chunks[i]);
                    break;
                case 2 when chunks.Count > 1:
                    chunks.RemoveAt(i);
                    break;
                case 3:
                    byte[] header = [.. chunks[0].Data];
                    if (header.Length == 13)
                    {
                        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 * random.Next(2)), random.Pick(s_sizes));
                        header[random.Next(8, 13)] = (byte)random.Pick([0, 1, 2, 3, 4, 6, 8, 16]);
                        chunks[0] = (chunks[0].Type, header);
                    }

                    break;
                default:
                    chunks[i] = (chunks[i].Type, Mutations.Bytes(random, chunks[i].Data));
                    break;
            }
        }

        return [.. original[..8], .. chunks.SelectMany(chunk => PngFile.Chunk(chunk.Type, chunk.Data))];
    }

    private static readonly byte[][] s_png =
    [
        .. new (byte Depth, byte Type, int RowBytes)[] { (1, 0, 2), (8, 0, 9), (16, 0, 18), (8, 2, 27), (16, 2, 54), (8, 4, 18), (8, 6, 36) }
            .Select(kind => PngFile.Create(9, kind.Depth, kind.Type, [.. Enumerable.Range(1, 7).Select(y => Enumerable.Range(0, kind.RowBytes).Select(x => (byte)(x * y)).ToArray())])),
        PngFile.Create(9, 8, 3, [.. Enumerable.Range(0, 7).Select(y => Enumerable.Range(0, 9).Select(x => (byte)((x + y) % 4)).ToArray())],
            [255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9], [0, 128, 255]),
    ];

    private static readonly byte[] s_jpeg = Encode(SKEncodedImageFormat.Jpeg, 60);

    private static readonly byte[][] s_webP = [Encode(SKEncodedImageFormat.Webp, 60), Encode(SKEncodedImageFormat.Webp, 100)];

    // 9 x 7 pixels of a palette of 128 as codes of eight bits: clear, the pixels, end.
    private static readonly byte[] s_gif =
    [
        .. "GIF89a"u8, 9, 0, 7, 0, 0x86, 0, 0, .. Enumerable.Range(0, 128 * 3).Select(i => (byte)i),
        0x21, 0xf9, 4, 1, 0, 0, 3, 0, (byte)',', 0, 0, 0, 0, 9, 0, 7, 0, 0, 7, 65, 128, .. Enumerable.Range(0, 63).Select(i => (byte)i), 129, 0, (byte)';',
    ];

    private static readonly byte[][] s_bmp =
    [
        Bmp(24, 0, [], new byte[7 * 28]), Bmp(32, 0, [], new byte[7 * 36]), Bmp(8, 0, new byte[1024], new byte[7 * 12]), Bmp(1, 0, [0, 0, 0, 0, 255, 255, 255, 0], new byte[7 * 4]),
        Bmp(8, 1, new byte[1024], [.. Enumerable.Repeat((byte[])[9, 1, 0, 0], 7).SelectMany(row => row), 0, 1]),
    ];

    private static byte[] Bmp(short bits, int compression, byte[] palette, byte[] pixels)
    {
        byte[] header = new byte[54];
        (header[0], header[1]) = ((byte)'B', (byte)'M');
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(2), 54 + palette.Length + pixels.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(10), 54 + palette.Length);
        (header[14], header[18], header[22], header[26], header[28], header[30]) = (40, 9, 7, 1, (byte)bits, (byte)compression);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(46), palette.Length / 4);
        return [.. header, .. palette, .. pixels];
    }

    private static byte[] Encode(SKEncodedImageFormat format, int quality)
    {
        using var bitmap = new SKBitmap(19, 17);
        for (int y = 0; y < 17; y++)
        {
            for (int x = 0; x < 19; x++)
            {
                bitmap.SetPixel(x, y, new SKColor((byte)(13 * x), (byte)(11 * y), (byte)(x * y)));
            }
        }

        using SKData data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    private static int Find(byte[] file, ReadOnlySpan<byte> marker) => file.AsSpan().IndexOf(marker);
}
