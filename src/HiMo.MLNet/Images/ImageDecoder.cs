using System.Runtime.InteropServices;
using Microsoft.ML.Data;
using SkiaSharp;

namespace HiMo.MLNet.Images;

/// <summary>Decodes image files to RGB as Pillow's <c>Image.open(...).convert("RGB")</c> does.</summary>
/// <remarks>
/// Grey is repeated, palettes are looked up, alpha is dropped (not blended), colour profiles, gamma and EXIF rotation
/// are ignored, 16 bits are cut to the upper 8, of an animation the first frame counts. Differences to Pillow: it
/// saturates 16-bit grey above 255 instead of cutting it; JPEG decoders differ in the last bit or two; CMYK is
/// converted by Skia.
/// </remarks>
internal static class ImageDecoder
{
    /// <summary>The largest picture that is decoded, in pixels (700 MB while decoding): a guard against decompression bombs.</summary>
    internal const long MaxPixels = 100_000_000;

    /// <summary>The longest side that is decoded, in pixels.</summary>
    internal const int MaxSide = 65_535;

    /// <exception cref="ImageReadException">The file is missing, unreadable, empty, no image, truncated or too large (<see cref="MaxPixels"/>, <see cref="MaxSide"/>).</exception>
    public static RgbImage Decode(string path) => Read(path, stream => Decode(stream, path));

    /// <summary>Reads an image file in any way; what goes wrong with the file is told as decoding tells it.</summary>
    /// <exception cref="ImageReadException">The file is missing or unreadable.</exception>
    public static T Read<T>(string path, Func<FileStream, T> read)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            using FileStream stream = File.OpenRead(path);
            return read(stream);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ImageReadException(path, "there is no such file", e);
        }
        catch (Exception e) when (e is IOException and not ImageReadException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ImageReadException(path, e.Message.TrimEnd('.'), e);
        }
    }

    /// <param name="stream">The encoded image, from the current position to the end.</param>
    /// <param name="name">The image's name in error messages.</param>
    /// <exception cref="ImageReadException">The stream is empty, no image, truncated or too large (<see cref="MaxPixels"/>, <see cref="MaxSide"/>).</exception>
    public static RgbImage Decode(Stream stream, string name)
    {
        using var data = SKData.Create(stream);
        if (data is null || data.IsEmpty)
        {
            throw new ImageReadException(name, "it is empty");
        }

        using var codec = SKCodec.Create(new SKMemoryStream(data), out SKCodecResult found);
        if (codec is null)
        {
            throw new ImageReadException(name, found == SKCodecResult.IncompleteInput
                ? "it is truncated"
                : "it is not an image of a known format (PNG, JPEG, WebP, GIF, BMP, ICO, WBMP)");
        }

        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        CheckSize(width, height, name);

        // Unpremultiplied, so that colours under transparency survive; no colour space, so that nothing is converted.
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        byte[] rgba = GC.AllocateUninitializedArray<byte>(checked(width * height * 4));
        SKCodecResult result;
        unsafe
        {
            fixed (byte* pixels = rgba)
            {
                result = codec.GetPixels(info, (nint)pixels);
            }
        }

        return result switch
        {
            SKCodecResult.Success => new RgbImage(width, height, DropAlpha(rgba, blueFirst: false)) { HadPalette = HasPalette(data.AsSpan()) },
            SKCodecResult.IncompleteInput => throw new ImageReadException(name, "it is truncated"),
            _ => throw new ImageReadException(name, $"it is damaged ({result})"),
        };
    }

    /// <summary>Copies an ML.NET image.</summary>
    /// <remarks>
    /// ML.NET keeps a decoded file's colours multiplied by alpha; they are divided again, but what lay under full
    /// transparency is lost (black). Pixels given to <c>CreateFromPixels</c> are taken as multiplied, too, unless a
    /// colour exceeds its alpha.
    /// </remarks>
    public static RgbImage FromMLImage(MLImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckSize(image.Width, image.Height, image.Tag ?? nameof(MLImage));
        byte[] pixels = [.. image.Pixels];
        Unmultiply(pixels);
        return new RgbImage(image.Width, image.Height, DropAlpha(pixels, image.PixelFormat == MLPixelFormat.Bgra32));
    }

    // What Pillow opens in its modes P (palette) and 1 (black and white): see NearestResize.
    private static bool HasPalette(ReadOnlySpan<byte> encoded)
    {
        const int depthAt = 24, colourTypeAt = 25;
        return encoded.StartsWith("GIF8"u8)
            || (encoded.Length > colourTypeAt && encoded[1..].StartsWith("PNG"u8)
                && (encoded[colourTypeAt] == 3 || (encoded[colourTypeAt] == 0 && encoded[depthAt] == 1)));
    }

    private static void CheckSize(int width, int height, string name)
    {
        if (width < 1 || height < 1 || Math.Max(width, height) > MaxSide || (long)width * height > MaxPixels)
        {
            throw new ImageReadException(name, FormattableString.Invariant(
                $"expected at most {MaxPixels:N0} pixels and {MaxSide:N0} a side, found {width} x {height}"));
        }
    }

    private static byte[] DropAlpha(ReadOnlySpan<byte> rgba, bool blueFirst)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(rgba.Length / 4 * 3);
        (int red, int blue) = blueFirst ? (2, 0) : (0, 2);
        for (int from = 0, to = 0; from + 3 < rgba.Length; from += 4, to += 3)
        {
            rgb[to] = rgba[from + red];
            rgb[to + 1] = rgba[from + 1];
            rgb[to + 2] = rgba[from + blue];
        }

        return rgb;
    }

    private static void Unmultiply(Span<byte> pixels)
    {
        Span<Pixel> packed = MemoryMarshal.Cast<byte, Pixel>(pixels);
        foreach (Pixel pixel in packed)
        {
            if (pixel.C0 > pixel.Alpha || pixel.C1 > pixel.Alpha || pixel.C2 > pixel.Alpha)
            {
                return;
            }
        }

        foreach (ref Pixel pixel in packed)
        {
            if (pixel.Alpha is not (0 or 255))
            {
                pixel = new(Divide(pixel.C0, pixel.Alpha), Divide(pixel.C1, pixel.Alpha), Divide(pixel.C2, pixel.Alpha), pixel.Alpha);
            }
        }

        static byte Divide(byte colour, byte alpha) => (byte)(((colour * 255) + (alpha / 2)) / alpha);
    }

    private readonly record struct Pixel(byte C0, byte C1, byte C2, byte Alpha);
}
