using System.Buffers;
using System.Runtime.InteropServices;

namespace HiMo.MLNet.Images;

/// <summary>
/// A decoded image on its way to RGB: rows from the top, four bytes a pixel as <see cref="Mode"/> says, no padding.
/// </summary>
/// <remarks>
/// The pixels of all but very large images come from a shared pool. Who decodes an image owns it: disposing it gives
/// the pixels back, and nobody may read them any more; an image that is not disposed is left to the garbage collector.
/// </remarks>
internal sealed class RgbImage : IDisposable
{
    public const int PixelBytes = 4;

    // The pool would keep what is larger for long.
    private const int MaxPooledBytes = 64 << 20;

    private readonly int _length;
    private byte[]? _pixels;

    /// <summary>Makes an image of undefined pixels.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive.</exception>
    public RgbImage(int width, int height, PixelMode mode)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        (Width, Height, Mode) = (width, height, mode);
        _length = checked(width * height * PixelBytes);
        _pixels = _length <= MaxPooledBytes ? ArrayPool<byte>.Shared.Rent(_length) : GC.AllocateUninitializedArray<byte>(_length);
    }

    public int Width { get; }

    public int Height { get; }

    public PixelMode Mode { get; }

    /// <summary>Width × height × 4 bytes. Not to be kept beyond <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The image was disposed.</exception>
    public Span<byte> Pixels
    {
        get
        {
            byte[]? pixels = _pixels;
            ObjectDisposedException.ThrowIf(pixels is null, this);
            return pixels.AsSpan(0, _length);
        }
    }

    /// <summary>The pixels of one row.</summary>
    public ReadOnlySpan<byte> Row(int y) => Pixels.Slice(y * Width * PixelBytes, Width * PixelBytes);

    /// <summary>The pixels of one row of <see cref="PixelMode.Grey16"/>.</summary>
    public ReadOnlySpan<int> GreyRow(int y) => MemoryMarshal.Cast<byte, int>(Row(y));

    /// <summary>A copy whose pixels may be averaged: multiplied by alpha where there is one, else RGB.</summary>
    public RgbImage ToMixable()
    {
        bool hasAlpha = Mode is PixelMode.RgbAlpha or PixelMode.Premultiplied;
        var copy = new RgbImage(Width, Height, hasAlpha ? PixelMode.Premultiplied : PixelMode.Rgb);
        if (Mode == PixelMode.RgbAlpha)
        {
            PixelConversion.Premultiply(Pixels, copy.Pixels);
            return copy;
        }

        Pixels.CopyTo(copy.Pixels);
        if (!hasAlpha)
        {
            PixelConversion.ToRgb(copy.Pixels, Mode);
        }

        return copy;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _pixels, null) is { } pixels && _length <= MaxPooledBytes)
        {
            ArrayPool<byte>.Shared.Return(pixels);
        }
    }
}
