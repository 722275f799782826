using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace HiMo.MLNet.Embedding;

/// <summary>What an embedding was computed from: the first 128 bits of a SHA-256 of an image's file or of a text.</summary>
internal readonly record struct ContentKey(UInt128 Value)
{
    public const int Bytes = 16;

    public static ContentKey OfImage(Stream file) => Of("image", SHA256.HashData(file));

    public static ContentKey OfImage(byte[] file) => Of("image", SHA256.HashData(file));

    public static ContentKey OfText(string text) => Of("text", SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static ContentKey Of(string kind, byte[] content) =>
        new(MemoryMarshal.Read<UInt128>(SHA256.HashData([.. Encoding.ASCII.GetBytes(kind), .. content])));

    /// <summary>32 hexadecimal digits.</summary>
    public override string ToString() => Value.ToString("x32", CultureInfo.InvariantCulture);
}

/// <summary>Embeddings of one model that were computed before.</summary>
internal interface IEmbeddingCache
{
    /// <param name="key">What was embedded.</param>
    /// <param name="embedding">Receives d numbers.</param>
    bool TryGet(ContentKey key, Span<float> embedding);

    void Add(ContentKey key, ReadOnlySpan<float> embedding);
}
