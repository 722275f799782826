using HiMo.MLNet.Images;
using SkiaSharp;

namespace HiMo.MLNet.Embedding;

/// <summary>
/// Makes the small planes that a network reads out of images. A file is decoded, resized and forgotten in one step, and
/// as many at a time as take few bytes: a batch of photographs needs no more memory than some of them.
/// </summary>
/// <param name="size">n, the side of the network's input in pixels.</param>
/// <param name="gate">Bounds what is decoded at a time.</param>
/// <param name="reduceJpegs">Whether JPEG files are decoded no larger than twice the network's input, where they can be.</param>
internal sealed class PlaneReader(int size, ByteGate gate, bool reduceJpegs = false)
{
    private const int BytesPerPixel = RgbImage.PixelBytes;

    // Ten images of 12 megapixels; in the whole process, however many engines and cursors there are.
    private static readonly ByteGate s_gate = new(512 << 20);

    private readonly ClipPreprocessor _preprocessor = new(size);

    private readonly int? _leastSide = reduceJpegs ? 2 * size : null;

    public PlaneReader(int size, bool reduceJpegs = false)
        : this(size, s_gate, reduceJpegs)
    {
    }

    /// <summary>Bytes of the planes of an image: 3 · n · n.</summary>
    public int Length => _preprocessor.Length;

    /// <param name="image">The image.</param>
    /// <param name="planes">Receives <see cref="Length"/> bytes: the planes of red, green and blue.</param>
    /// <exception cref="ImageReadException">It cannot be read as an image.</exception>
    public void Read(ImageSource image, Span<byte> planes)
    {
        if (image.Failure is { } failure)
        {
            throw failure;
        }

        if (image.Encoded is { } encoded)
        {
            using var stream = new MemoryStream(encoded, writable: false);
            Read(stream, image.Name!, planes);
        }
        else if (image.Path is { } path)
        {
            Read(path, planes);
        }
        else
        {
            image.Planes.CopyTo(planes);
        }
    }

    private void Read(string path, Span<byte> planes)
    {
        long held = 0;
        try
        {
            // Opened once: a pipe can be read, too, though it has no header to look at before.
            using RgbImage decoded = ImageDecoder.Read(path, file =>
            {
                long bytes = file.CanSeek ? BytesPerPixel * CountPixels(file) : 0;
                gate.Enter(bytes);
                held = bytes;
                return ImageDecoder.Decode(file, path, _leastSide);
            });
            _preprocessor.Process(decoded, planes);
        }
        finally
        {
            gate.Leave(held);
        }
    }

    /// <param name="encoded">An image's file, in memory.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="planes">Receives <see cref="Length"/> bytes.</param>
    /// <exception cref="ImageReadException">It cannot be read as an image.</exception>
    public void Read(Stream encoded, string name, Span<byte> planes)
    {
        long bytes = BytesPerPixel * CountPixels(encoded);
        gate.Enter(bytes);
        try
        {
            using RgbImage image = ImageDecoder.Decode(encoded, name, _leastSide);
            _preprocessor.Process(image, planes);
        }
        finally
        {
            gate.Leave(bytes);
        }
    }

    /// <summary>The planes of an image that is decoded already.</summary>
    public byte[] Read(RgbImage image)
    {
        byte[] planes = new byte[Length];
        _preprocessor.Process(image, planes);
        return planes;
    }

    /// <summary>Reads images on all cores.</summary>
    /// <returns>Their planes, one image after the other, and why images could not be read.</returns>
    public (byte[] Planes, ImageReadException?[] Errors) ReadEach(IReadOnlyList<ImageSource> images)
    {
        byte[] planes = new byte[images.Count * Length];
        return (planes, TryEach(images.Count, i => Read(images[i], planes.AsSpan(i * Length, Length))));
    }

    /// <summary>Reads images on all cores, past those that cannot be read.</summary>
    /// <returns>For each image why it cannot be read; null if it can.</returns>
    public static ImageReadException?[] TryEach(int count, Action<int> read, CancellationToken cancellation = default)
    {
        var errors = new ImageReadException?[count];
        ParallelLoop.For(count, i =>
        {
            try
            {
                read(i);
            }
            catch (ImageReadException e)
            {
                errors[i] = e;
            }
        }, cancellation);
        return errors;
    }

    /// <summary>Moves the planes of the images that could be read to the front.</summary>
    /// <param name="planes">Of all images.</param>
    /// <param name="errors">For each image null if it could be read.</param>
    /// <returns>Where the images that could be read stand among all.</returns>
    public int[] Compact(byte[] planes, ImageReadException?[] errors)
    {
        int[] readable = [.. Enumerable.Range(0, errors.Length).Where(i => errors[i] is null)];
        foreach ((int to, int from) in readable.Index().Where(move => move.Index != move.Item))
        {
            planes.AsSpan(from * Length, Length).CopyTo(planes.AsSpan(to * Length));
        }

        return readable;
    }

    // By the header alone; decoding says what is wrong with a file that has none.
    private static long CountPixels(Stream file)
    {
        using var codec = SKCodec.Create(new SKManagedStream(file, disposeManagedStream: false));
        file.Position = 0;
        return codec is null ? 0 : Math.Min((long)codec.Info.Width * codec.Info.Height, ClipLimits.Current.ImagePixels);
    }
}
