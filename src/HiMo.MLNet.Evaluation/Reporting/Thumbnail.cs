using SkiaSharp;

namespace HiMo.MLNet.Reporting;

/// <summary>Small copies of images, inside the page.</summary>
internal static class Thumbnail
{
    /// <summary>An <c>img</c> of at most <paramref name="side"/> pixels a side, or a box that says that the image is not at
    /// hand.</summary>
    public static Markup Of(string? path, int side, string alternative)
    {
        if (path is not null && DataUri(path, side) is { } uri)
        {
            return $"""<img src="{Markup.Raw(uri)}" alt="{alternative}">""";
        }

        return $"""<span class="no-image" role="img" aria-label="{alternative}">image not at hand</span>""";
    }

    private static string? DataUri(string path, int side)
    {
        // Images may have gone since they were measured: a report is no place to fail for that.
        using var codec = SKCodec.Create(path);
        using SKBitmap? image = codec is null ? null : SKBitmap.Decode(codec);
        if (image is null)
        {
            return null;
        }

        double scale = Math.Min(1, side / (double)Math.Max(image.Width, image.Height));
        var size = new SKSizeI(Math.Max(1, (int)Math.Round(image.Width * scale)), Math.Max(1, (int)Math.Round(image.Height * scale)));
        using SKBitmap? small = scale < 1 ? image.Resize(size, SKFilterQuality.Medium) : image.Copy();
        if (small is null)
        {
            return null;
        }

        bool transparent = small.AlphaType is not SKAlphaType.Opaque;
        using SKData? data = small.Encode(transparent ? SKEncodedImageFormat.Png : SKEncodedImageFormat.Jpeg, 82);
        return data is null ? null : $"data:image/{(transparent ? "png" : "jpeg")};base64,{Convert.ToBase64String(data.AsSpan())}";
    }
}
