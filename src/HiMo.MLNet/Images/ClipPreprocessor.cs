using System.Buffers;

namespace HiMo.MLNet.Images;

/// <summary>
/// CLIP's image preprocessing: bicubic resize of the shorter side to n in the image's own mode, centre crop of n × n,
/// conversion to RGB, and, as a step of its own, scaling to 0..1 and normalising by mean and standard deviation.
/// </summary>
/// <param name="size">n: the model's image size in pixels.</param>
internal sealed class ClipPreprocessor(int size)
{
    /// <summary>Mean of red, green and blue on the scale 0..1.</summary>
    public static readonly float[] Mean = [0.48145466f, 0.4578275f, 0.40821073f];

    /// <summary>Standard deviation of red, green and blue on the scale 0..1.</summary>
    public static readonly float[] Std = [0.26862954f, 0.26130258f, 0.27577711f];

    private readonly int _size = size > 0 ? size
        : throw new ArgumentOutOfRangeException(nameof(size), size, "Expected a positive image size.");

    /// <summary>Number of values of a preprocessed image: 3 · n · n.</summary>
    public int Length => 3 * _size * _size;

    /// <summary>Resizes, crops and converts an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="planes">3 × n × n bytes: the planes of red, green and blue.</param>
    public void Process(RgbImage image, Span<byte> planes)
    {
        CheckLength(planes.Length, nameof(planes));

        // torchvision's rounding: the long side is cut off, the crop's corner goes to the even neighbour.
        (int width, int height) = (image.Width, image.Height);
        (int scaledWidth, int scaledHeight) = width <= height
            ? (_size, LongSide(height, width))
            : (LongSide(width, height), _size);
        int x = (int)Math.Round((scaledWidth - _size) / 2.0, MidpointRounding.ToEven);
        int y = (int)Math.Round((scaledHeight - _size) / 2.0, MidpointRounding.ToEven);

        int length = _size * _size * RgbImage.PixelBytes;
        byte[] rented = ArrayPool<byte>.Shared.Rent(length);
        Span<byte> pixels = rented.AsSpan(0, length);
        PixelMode mode = image.Mode;

        // An image that keeps its size is not resampled: not even multiplied by its alpha.
        if (mode == PixelMode.Palette || (scaledWidth == width && scaledHeight == height))
        {
            NearestResize.Resize(image, scaledWidth, scaledHeight, x, y, _size, _size, pixels);
        }
        else
        {
            mode = BicubicResize.Resize(image, SourceBox.Whole(image), scaledWidth, scaledHeight, x, y, _size, _size, pixels);
        }

        PixelConversion.ToRgb(pixels, mode);
        Planes.Split(pixels, _size, mirror: false, planes);
        ArrayPool<byte>.Shared.Return(rented);
    }

    /// <summary>(value / 255 - mean) / standard deviation, plane by plane.</summary>
    /// <param name="planes">Bytes of any number of images of equal size: red, green and blue planes of each.</param>
    /// <param name="values">As many values.</param>
    /// <param name="planeLength">Pixels in a plane.</param>
    public static void Normalize(ReadOnlySpan<byte> planes, Span<float> values, int planeLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(planeLength);
        if (values.Length != planes.Length || planes.Length % (3 * planeLength) != 0)
        {
            throw new ArgumentException(
                $"Expected as many values as bytes, a multiple of {3 * planeLength}; found {values.Length} and {planes.Length}.",
                nameof(values));
        }

        // A byte has 256 values: a table is exact and as fast as arithmetic.
        Span<float> table = stackalloc float[256];
        for (int channel = 0; channel < 3; channel++)
        {
            for (int i = 0; i < 256; i++)
            {
                table[i] = ((i / 255f) - Mean[channel]) / Std[channel];
            }

            for (int start = channel * planeLength; start < planes.Length; start += 3 * planeLength)
            {
                ReadOnlySpan<byte> from = planes.Slice(start, planeLength);
                Span<float> to = values.Slice(start, planeLength);
                for (int i = 0; i < from.Length; i++)
                {
                    to[i] = table[from[i]];
                }
            }
        }
    }

    /// <summary>Normalises the planes of one image.</summary>
    public void Normalize(ReadOnlySpan<byte> planes, Span<float> values)
    {
        CheckLength(planes.Length, nameof(planes));
        Normalize(planes, values, _size * _size);
    }

    private int LongSide(int longSide, int shortSide) => checked((int)((double)((long)_size * longSide) / shortSide));

    private void CheckLength(int length, string name)
    {
        if (length != Length)
        {
            throw new ArgumentException($"Expected 3 x {_size} x {_size} = {Length} values, found {length}.", name);
        }
    }
}
