namespace HiMo.MLNet.Embedding;

/// <summary>An image to embed: a file or its bytes, read when it is its turn, or the planes of one that has neither.</summary>
/// <param name="Path">The file.</param>
/// <param name="Planes">What <see cref="PlaneReader"/> makes of an image.</param>
/// <param name="Encoded">A file's bytes.</param>
/// <param name="Name">What errors call the bytes.</param>
internal sealed record ImageSource(string? Path, byte[]? Planes = null, byte[]? Encoded = null, string? Name = null)
{
    /// <summary>Why there are no planes; null if there are.</summary>
    public ImageReadException? Failure { get; init; }

    /// <summary>The key of the bytes; null without.</summary>
    public ContentKey? EncodedKey => Encoded is null ? null : field ??= ContentKey.OfImage(Encoded);

    /// <summary>What tells images apart: the path, or the key of the bytes. Null where every row is an image of its own.</summary>
    public string? Identity => Path ?? EncodedKey?.ToString();
}
