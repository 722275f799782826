using HiMo.MLNet.Embedding;
using HiMo.MLNet.Images;
using Microsoft.ML.Data;

namespace HiMo.MLNet;

/// <summary>An image to embed: a file, encoded bytes, a stream or an <see cref="MLImage"/>. Read when it is embedded, as often as it
/// is.</summary>
/// <remarks>PNG, JPEG, WebP, GIF, BMP, ICO and WBMP, each decoded and resized as the original code does.</remarks>
public sealed class ClipImage
{
    private readonly Action<PlaneReader, Memory<byte>> _read;

    private ClipImage(string name, Action<PlaneReader, Memory<byte>> read) => (Name, _read) = (name, read);

    /// <summary>What errors call the image: the path, or the name that it was given.</summary>
    public string Name { get; }

    /// <param name="path">An image file.</param>
    public static ClipImage FromFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path, (reader, planes) => reader.Read(new ImageSource(path, null), planes.Span));
    }

    /// <param name="encoded">The bytes of an image file.</param>
    /// <param name="name">What errors call the image.</param>
    public static ClipImage FromBytes(ReadOnlyMemory<byte> encoded, string name = "image") => new(name, (reader, planes) =>
    {
        using var stream = new MemoryStream(encoded.ToArray(), writable: false);
        reader.Read(stream, name, planes.Span);
    });

    /// <param name="stream">The bytes of an image file, from the current position to the end: read now, and not closed.</param>
    /// <param name="name">What errors call the image.</param>
    public static ClipImage FromStream(Stream stream, string name = "image")
    {
        ArgumentNullException.ThrowIfNull(stream);
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return FromBytes(bytes.ToArray(), name);
    }

    /// <param name="image">An image in memory. Stays the caller's, who keeps it until it is embedded.</param>
    public static ClipImage FromMLImage(MLImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new(image.Tag ?? nameof(MLImage), (reader, planes) =>
        {
            using RgbImage copy = ImageDecoder.FromMLImage(image);
            reader.Read(copy).CopyTo(planes.Span);
        });
    }

    /// <inheritdoc cref="FromFile"/>
    public static implicit operator ClipImage(string path) => FromFile(path);

    /// <inheritdoc cref="FromMLImage"/>
    public static implicit operator ClipImage(MLImage image) => FromMLImage(image);

    internal void Read(PlaneReader reader, Memory<byte> planes) => _read(reader, planes);
}
