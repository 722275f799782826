using Microsoft.ML.Data;
using SkiaSharp;

namespace HiMo.MLNet.Samples.Web;

/// <summary>Uploads become pictures in memory: no file is written, so that none can stay behind.</summary>
internal static class PictureDecoder
{
    /// <param name="encoded">The upload.</param>
    /// <param name="maxPixels">Of a larger picture nothing but the head is read.</param>
    /// <exception cref="BadHttpRequestException">It is no picture, a damaged one or too large.</exception>
    public static MLImage Decode(byte[] encoded, int maxPixels)
    {
        if (encoded.Length == 0)
        {
            throw Unreadable("it is empty");
        }

        using var data = SKData.CreateCopy(encoded);
        using var codec = SKCodec.Create(data);
        if (codec is null)
        {
            throw Unreadable("it is not an image of a known format");
        }

        (int width, int height) = (codec.Info.Width, codec.Info.Height);
        if ((long)width * height > maxPixels)
        {
            throw new BadHttpRequestException(
                FormattableString.Invariant($"Expected a picture of at most {maxPixels:N0} pixels, found {width} x {height}."), StatusCodes.Status413PayloadTooLarge);
        }

        // As files are read: colours under transparency survive, and transparency is dropped, not blended.
        SKCodecResult result = codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), out byte[] pixels);
        if (result != SKCodecResult.Success)
        {
            throw Unreadable(result == SKCodecResult.IncompleteInput ? "it is truncated" : "it is damaged");
        }

        for (int alpha = 3; alpha < pixels.Length; alpha += 4)
        {
            pixels[alpha] = 255;
        }

        return MLImage.CreateFromPixels(width, height, MLPixelFormat.Rgba32, pixels);
    }

    private static BadHttpRequestException Unreadable(string reason) => new($"The picture could not be read: {reason}.");
}
