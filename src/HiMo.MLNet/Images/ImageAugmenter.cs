using System.Buffers;

namespace HiMo.MLNet.Images;

/// <summary>Varies training images as <see cref="ImageAugmentation"/> says. Safe for concurrent calls with a <see cref="Random"/>
/// each.</summary>
internal sealed class ImageAugmenter
{
    private const double MinAspect = 3.0 / 4, MaxAspect = 4.0 / 3;

    private readonly ImageAugmentation _options;
    private readonly int _size;

    /// <param name="options">The variations; checked here.</param>
    /// <param name="size">n: the model's image size in pixels.</param>
    public ImageAugmenter(ImageAugmentation options, int size)
    {
        options.Validate();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        (_options, _size) = (options, size);
    }

    /// <summary>Draws a variation of an image. The same seed gives the same.</summary>
    /// <param name="image">The image.</param>
    /// <param name="random">Source of the draws; an image always takes the same number of them.</param>
    /// <param name="planes">3 × n × n bytes: the planes of red, green and blue.</param>
    public void Process(RgbImage image, Random random, Span<byte> planes)
    {
        int length = 3 * _size * _size;
        if (planes.Length != length)
        {
            throw new ArgumentException($"Expected 3 x {_size} x {_size} = {length} values, found {planes.Length}.", nameof(planes));
        }

        (double left, double top, double width, double height) = DrawCrop(image.Width, image.Height, random);
        bool mirror = random.NextDouble() < _options.HorizontalFlip;
        double angle = Around(0, _options.Rotation) * Math.PI / 180;
        left += Around(0, _options.Shift) * width;
        top += Around(0, _options.Shift) * height;
        double brightness = Around(1, _options.Brightness);
        double contrast = Around(1, _options.Contrast);
        double saturation = Around(1, _options.Saturation);

        using RgbImage? mixable = image.Mode is PixelMode.RgbAlpha or PixelMode.Cmyk or PixelMode.Grey16 ? image.ToMixable() : null;
        image = mixable ?? image;
        byte[] rented = ArrayPool<byte>.Shared.Rent(_size * _size * RgbImage.PixelBytes);
        Span<byte> pixels = rented.AsSpan(0, _size * _size * RgbImage.PixelBytes);
        if (angle == 0 && left >= 0 && top >= 0 && left + width <= image.Width && top + height <= image.Height)
        {
            var box = new SourceBox(
                (float)left, (float)top, Math.Min((float)(left + width), image.Width), Math.Min((float)(top + height), image.Height));
            BicubicResize.Resize(image, box, _size, _size, 0, 0, _size, _size, pixels);
        }
        else
        {
            AffineWarp.Warp(image, (left + (width / 2), top + (height / 2)), (width, height), angle, _size, _options.Background, pixels);
        }

        PixelConversion.ToRgb(pixels, image.Mode);
        Planes.Split(pixels, _size, mirror, planes);
        ArrayPool<byte>.Shared.Return(rented);
        if (brightness != 1 || contrast != 1 || saturation != 1)
        {
            Recolour(planes, brightness, contrast, saturation);
        }

        double Around(double centre, double spread) => centre + (spread * ((2 * random.NextDouble()) - 1));
    }

    private (double Left, double Top, double Width, double Height) DrawCrop(int imageWidth, int imageHeight, Random random)
    {
        double area = _options.MinScale + ((_options.MaxScale - _options.MinScale) * random.NextDouble());
        double imageAspect = (double)imageWidth / imageHeight;

        // The aspects with which a crop of this area fits; none when it is larger than the image or that is too elongated.
        double low = Math.Max(MinAspect, imageAspect * area);
        double high = Math.Min(MaxAspect, imageAspect / area);
        double draw = random.NextDouble();
        double width, height;
        if (low <= high)
        {
            double aspect = low * Math.Pow(high / low, draw);
            width = Math.Sqrt(area * imageWidth * imageHeight * aspect);
            height = width / aspect;
        }
        else
        {
            double aspect = Math.Clamp(imageAspect, MinAspect, MaxAspect);
            double grow = Math.Sqrt(Math.Max(area, 1));
            width = Math.Min(imageWidth, imageHeight * aspect) * grow;
            height = Math.Min(imageHeight, imageWidth / aspect) * grow;
        }

        if (area <= 1)
        {
            (width, height) = (Math.Min(width, imageWidth), Math.Min(height, imageHeight)); // Against rounding.
        }

        return (random.NextDouble() * (imageWidth - width), random.NextDouble() * (imageHeight - height), width, height);
    }

    // Brightness, contrast and saturation in turn are, but for clipping in between, one linear map of colour, grey and mean grey.
    private static void Recolour(Span<byte> planes, double brightness, double contrast, double saturation)
    {
        int count = planes.Length / 3;
        Span<byte> red = planes[..count];
        Span<byte> green = planes.Slice(count, count);
        Span<byte> blue = planes.Slice(2 * count, count);
        long total = 0;
        for (int i = 0; i < count; i++)
        {
            total += Grey(red[i], green[i], blue[i]);
        }

        double meanGrey = (double)total / count / (1 << 16);
        float ownPart = (float)(saturation * contrast * brightness);
        float greyPart = (float)((1 - saturation) * contrast * brightness / (1 << 16));
        float constant = (float)((1 - contrast) * brightness * meanGrey) + 0.5f;
        for (int i = 0; i < count; i++)
        {
            float grey = (greyPart * Grey(red[i], green[i], blue[i])) + constant;
            red[i] = Clip((ownPart * red[i]) + grey);
            green[i] = Clip((ownPart * green[i]) + grey);
            blue[i] = Clip((ownPart * blue[i]) + grey);
        }

        // 0.299, 0.587 and 0.114 in 16-bit fixed point.
        static int Grey(int red, int green, int blue) => (red * 19595) + (green * 38470) + (blue * 7471);

        static byte Clip(float value) => (byte)Math.Clamp((int)value, 0, 255);
    }
}
