using System.Buffers;
using System.Runtime.Intrinsics;
using Microsoft.ML.Data;
using SkiaSharp;

namespace HiMo.MLNet.Images;

/// <summary>Decodes image files as Pillow's <c>Image.open</c> does, in the mode in which Pillow resizes them.</summary>
/// <remarks>
/// Palettes are looked up, alpha is kept until after the resize, colour profiles, gamma and EXIF rotation are ignored,
/// 16 bits of colour are cut to the upper 8, of an animation the first frame counts. SkiaSharp decodes; what it cannot
/// tell apart (palettes, the first frame of a GIF, 16-bit grey, bits of a BMP, CMYK) is read by readers of the
/// library's own. JPEG decoders differ in the last bit or two.
/// </remarks>
internal static class ImageDecoder
{
    /// <returns>An image that the caller owns and may dispose.</returns>
    /// <exception cref="ImageReadException">
    /// The file is missing, unreadable, empty, no image, truncated or too large (<see cref="ClipLimits"/>).
    /// </exception>
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
    /// <param name="leastSide">Decodes a JPEG at the smallest eighths of its size whose shorter side has this many pixels: several times
    /// as fast, with other pixels. Null for the whole size, as of every other format.</param>
    /// <returns>An image that the caller owns and may dispose.</returns>
    /// <exception cref="ImageReadException">The stream is empty, no image, truncated or too large
    /// (<see cref="ClipLimits"/>).</exception>
    public static RgbImage Decode(Stream stream, string name, int? leastSide = null)
    {
        byte[] buffer = ReadToEnd(stream, name, out int length);
        try
        {
            ReadOnlySpan<byte> file = buffer.AsSpan(0, length);
            return GifFile.Read(file, name) ?? PngFile.Read(file, name) ?? BmpFile.Read(file, name) ?? ReadBySkia(file, name, leastSide);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Copies an ML.NET image.</summary>
    /// <remarks>
    /// ML.NET holds eight bits a colour, multiplied by alpha. As Pillow multiplies before it resizes, too, cut-outs come
    /// out the same; lost are colours under full transparency (which show only where nothing is resized), palettes
    /// (interpolated here, not by Pillow), the lower half of 16-bit grey and CMYK. Pixels given to <c>CreateFromPixels</c>
    /// are taken as multiplied, too, unless a colour exceeds its alpha.
    /// </remarks>
    /// <returns>An image that the caller owns and may dispose.</returns>
    public static RgbImage FromMLImage(MLImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        CheckSize(image.Width, image.Height, image.Tag ?? nameof(MLImage));
        ReadOnlySpan<byte> pixels = image.Pixels;
        var copy = new RgbImage(image.Width, image.Height, IsMultiplied(pixels) ? PixelMode.Premultiplied : PixelMode.RgbAlpha);
        pixels.CopyTo(copy.Pixels);
        if (image.PixelFormat == MLPixelFormat.Bgra32)
        {
            PixelConversion.SwapRedAndBlue(copy.Pixels);
        }

        return copy;
    }

    /// <exception cref="ImageReadException">The image is empty or exceeds <see cref="ClipLimits"/>.</exception>
    internal static void CheckSize(int width, int height, string name)
    {
        ClipLimits limits = ClipLimits.Current;
        string? exceeded = width < 1 || height < 1 ? "expected pixels"
            : Math.Max(width, height) > limits.ImageSide ? ClipLimits.AtMost(limits.ImageSide, "pixels a side")
            : (long)width * height > limits.ImagePixels ? ClipLimits.AtMost(limits.ImagePixels, "pixels")
            : (long)width * height > Array.MaxLength / RgbImage.PixelBytes
                ? $"expected at most {Array.MaxLength / RgbImage.PixelBytes} pixels"
            : null;
        if (exceeded is not null)
        {
            throw new ImageReadException(name, $"{exceeded}, found {width} x {height}") { IsTooLarge = width > 0 && height > 0 };
        }
    }

    // Into a rented array. A file is not mapped into memory: one that is cut off meanwhile would end the process.
    private static byte[] ReadToEnd(Stream stream, string name, out int length)
    {
        long expected = stream.CanSeek ? stream.Length - stream.Position : 0;
        int limit = ClipLimits.Current.ImageFileBytes;
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(expected + 1, 1 << 16, Math.Max(1 << 16, limit)));
        length = 0;
        int read;
        while ((read = expected > limit ? 0 : stream.Read(buffer.AsSpan(length))) > 0)
        {
            length += read;
            if (length == buffer.Length && length <= limit)
            {
                byte[] larger = ArrayPool<byte>.Shared.Rent(checked(length * 2));
                buffer.CopyTo(larger, 0);
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = larger;
            }

            expected = Math.Max(expected, length);
        }

        if (length > 0 && expected <= limit)
        {
            return buffer;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        throw new ImageReadException(name, length == 0 && expected <= limit
            ? "it is empty"
            : $"{ClipLimits.AtMost(ClipLimits.Current.ImageFileBytes, "bytes")}, found {expected} or more");
    }

    private static unsafe RgbImage ReadBySkia(ReadOnlySpan<byte> file, string name, int? leastSide = null)
    {
        fixed (byte* bytes = file)
        {
            using var data = SKData.Create((nint)bytes, file.Length);
            using var codec = SKCodec.Create(new SKMemoryStream(data), out SKCodecResult found);
            if (codec is null)
            {
                throw new ImageReadException(name, found == SKCodecResult.IncompleteInput
                    ? "it is truncated"
                    : "it is not an image of a known format (PNG, JPEG, WebP, GIF, BMP, ICO, WBMP)");
            }

            (int width, int height) = (codec.Info.Width, codec.Info.Height);
            CheckSize(width, height, name);
            if ((long)width * height > file.Length * MaxPixelsPerByte(codec.EncodedFormat))
            {
                throw new ImageReadException(name, "it is truncated");
            }

            int shorter = Math.Min(width, height);
            if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && leastSide < shorter)
            {
                // The decoder's inverse cosine transform leaves out what a smaller image does not show.
                SKSizeI reduced = codec.GetScaledDimensions(MathF.Ceiling(8f * leastSide.Value / shorter) / 8);
                (width, height) = (reduced.Width, reduced.Height);
            }

            PixelMode mode = codec.EncodedFormat switch
            {
                SKEncodedImageFormat.Png => PngFile.ModeOf(file),
                SKEncodedImageFormat.Bmp => BmpFile.ModeOf(file),
                _ => codec.Info.AlphaType == SKAlphaType.Opaque ? PixelMode.Rgb : PixelMode.RgbAlpha,
            };

            // Not multiplied by alpha, so that colours under transparency survive; no colour space, so that nothing is converted.
            var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
            var image = new RgbImage(width, height, mode);
            SKCodecResult result;
            fixed (byte* pixels = image.Pixels)
            {
                result = codec.GetPixels(info, (nint)pixels);
            }

            if (result != SKCodecResult.Success)
            {
                image.Dispose();
                throw new ImageReadException(
                    name, result == SKCodecResult.IncompleteInput ? "it is truncated" : $"it is damaged ({result})");
            }

            if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && CmykJpeg.Read(file, name, part => ReadBySkia(part, name)) is { } inks)
            {
                image.Dispose();
                return inks;
            }

            return image;
        }
    }

    // What a format packs into a byte at best, where that says something: a JPEG's block of 64 pixels takes a bit.
    private static long MaxPixelsPerByte(SKEncodedImageFormat format) => format switch
    {
        SKEncodedImageFormat.Jpeg => 8 * 64,
        SKEncodedImageFormat.Wbmp => 8,
        _ => int.MaxValue,
    };

    // Whether no colour exceeds its alpha.
    private static bool IsMultiplied(ReadOnlySpan<byte> pixels)
    {
        int i = 0;
        var alphas = Vector128.Create((byte)3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);
        for (; i <= pixels.Length - 16; i += 16)
        {
            var four = Vector128.Create(pixels[i..]);
            if (Vector128.GreaterThanAny(four, Vector128.Shuffle(four, alphas)))
            {
                return false;
            }
        }

        for (; i < pixels.Length; i++)
        {
            if (pixels[i] > pixels[i | 3])
            {
                return false;
            }
        }

        return true;
    }
}
