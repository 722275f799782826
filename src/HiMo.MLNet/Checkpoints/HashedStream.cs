using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace HiMo.MLNet.Checkpoints;

/// <summary>Passes on what is read from a stream or written to it, and hashes it by the way; much of it on a thread of its own.</summary>
/// <remarks>A <see cref="CryptoStream"/> copies all of it twice more, hashes while the disk waits, and cannot read entries that a zip
/// stores as they are.</remarks>
/// <param name="stream">The stream, which stays open.</param>
internal sealed class HashedStream(Stream stream) : Stream
{
    /// <summary>What is hashed at a time.</summary>
    public const int PieceBytes = 1 << 20;

    private const int PiecesWaiting = 4;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly BlockingCollection<ArraySegment<byte>> _pieces = new(PiecesWaiting);
    private OwnThread? _hashing;

    /// <summary>The SHA-256 of all bytes, 64 hexadecimal digits; nothing is read or written after that.</summary>
    public string TakeHash()
    {
        FinishHashing();
        return Convert.ToHexStringLower(_hash.GetHashAndReset());
    }

    private void FinishHashing()
    {
        _pieces.CompleteAdding();
        _hashing?.Wait();
    }

    /// <param name="bytes">At most a piece.</param>
    private void Hash(ReadOnlySpan<byte> bytes)
    {
        if (_hashing is null && bytes.Length < PieceBytes)
        {
            _hash.AppendData(bytes);
            return;
        }

        _hashing ??= new OwnThread("HiMo-CLIP hash", HashPieces);
        byte[] piece = ArrayPool<byte>.Shared.Rent(PieceBytes);
        bytes.CopyTo(piece);
        _pieces.Add(new(piece, 0, bytes.Length));
    }

    private void HashPieces()
    {
        foreach (ArraySegment<byte> piece in _pieces.GetConsumingEnumerable())
        {
            _hash.AppendData(piece);
            ArrayPool<byte>.Shared.Return(piece.Array!);
        }
    }

    public override bool CanRead => stream.CanRead;

    public override bool CanSeek => false;

    public override bool CanWrite => stream.CanWrite;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(Span<byte> buffer)
    {
        int read = stream.Read(buffer[..Math.Min(PieceBytes, buffer.Length)]);
        Hash(buffer[..read]);
        return read;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            ReadOnlySpan<byte> piece = buffer[..Math.Min(PieceBytes, buffer.Length)];
            Hash(piece);
            stream.Write(piece);
            buffer = buffer[piece.Length..];
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => stream.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            FinishHashing();
            _hash.Dispose();
            _pieces.Dispose();
        }

        base.Dispose(disposing);
    }
}
