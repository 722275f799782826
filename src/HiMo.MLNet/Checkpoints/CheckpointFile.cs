using Microsoft.Win32.SafeHandles;

namespace HiMo.MLNet.Checkpoints;

/// <summary>An open checkpoint file, read at positions, so that tensors can be read in any order and from any thread.</summary>
internal sealed class CheckpointFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    internal CheckpointFile(string path)
    {
        Path = path;
        _handle = File.OpenHandle(path);
        try
        {
            Length = RandomAccess.GetLength(_handle);
        }
        catch (NotSupportedException e)
        {
            _handle.Dispose();
            throw Error("start of the file", "expected a file, found a pipe or a device", e);
        }
    }

    internal string Path { get; }

    internal long Length { get; }

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/> on.</summary>
    internal void ReadExactly(long offset, Span<byte> destination, string place)
    {
        while (!destination.IsEmpty)
        {
            int read = Read(offset, destination);
            if (read == 0)
            {
                throw Error(place, $"the file ends at byte {offset}; {destination.Length} more were expected");
            }

            destination = destination[read..];
            offset += read;
        }
    }

    /// <summary>Reads what there is at <paramref name="offset"/>; 0 past the end.</summary>
    internal int Read(long offset, Span<byte> destination) => RandomAccess.Read(_handle, destination, offset);

    /// <summary>Reads a file that is small: an index, a configuration, a vocabulary.</summary>
    /// <exception cref="CheckpointFormatException">It is larger than <see cref="ClipLimits.IndexBytes"/>.</exception>
    internal byte[] ReadSmall(string place)
    {
        ClipLimits limits = ClipLimits.Current;
        if (Length > limits.IndexBytes)
        {
            throw Error(place, $"{ClipLimits.AtMost(limits.IndexBytes, "bytes")}, found {Length}");
        }

        byte[] bytes = new byte[Length];
        ReadExactly(0, bytes, place);
        return bytes;
    }

    internal CheckpointFormatException Error(string place, string problem, Exception? inner = null) =>
        CheckpointFormatException.At(Path, place, problem, inner);

    public void Dispose() => _handle.Dispose();
}
