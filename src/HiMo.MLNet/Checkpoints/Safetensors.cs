using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Encodings.Web;
using System.Text.Json;
using TorchSharp;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// The safetensors format: eight bytes of header length (little endian), a JSON header, the tensors' bytes.
/// </summary>
internal static class Safetensors
{
    private const int LengthBytes = 8;
    private const string MetadataName = "__metadata__";

    private static readonly JsonSerializerOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes tensors in the given order; one tensor at a time is brought to the CPU and made contiguous.</summary>
    /// <param name="stream">Where to; needs no seeking.</param>
    /// <param name="tensors">Names and tensors of any supported type on any device; written with the type they have.</param>
    /// <param name="metadata">Texts to keep beside the tensors.</param>
    /// <exception cref="ArgumentException">A name is empty, taken or reserved, or a type has no safetensors name.</exception>
    internal static void Write(
        Stream stream,
        IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        byte[] header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[LengthBytes];
        WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach ((string _, torch.Tensor? tensor) in tensors)
        {
            using DisposeScope scope = torch.NewDisposeScope();
            using IDisposable noGradient = torch.no_grad();
            TensorBytes.ForEachChunk(tensor.cpu().contiguous(), bytes => stream.Write(bytes));
        }
    }

    /// <summary>Reads a forward-only stream tensor by tensor, in the order of the file.</summary>
    /// <param name="stream">The stream, at the start of the safetensors data; needs no seeking. Exactly the data is read.</param>
    /// <param name="source">What to call the stream in errors.</param>
    /// <param name="inspect">Sees the header before any tensor is allocated and may throw to refuse it.</param>
    /// <returns>Names and fresh CPU tensors of the stored type, one at a time; the caller disposes of each.</returns>
    /// <exception cref="CheckpointFormatException">The data is not valid safetensors data, or ends too early.</exception>
    internal static IEnumerable<(string Name, torch.Tensor Tensor)> ReadSequential(
        Stream stream,
        string source,
        Action<SafetensorsHeader>? inspect = null)
    {
        SafetensorsHeader header = ReadHeader(stream, source);
        inspect?.Invoke(header);
        foreach (TensorInfo info in header.Tensors)
        {
            yield return (info.Name, ReadTensor(stream, source, info));
        }
    }

    /// <summary>Describes the tensors of an open file.</summary>
    internal static (List<StoredTensor> Tensors, IReadOnlyDictionary<string, string> Metadata) Read(CheckpointFile file)
    {
        const string place = "safetensors header";
        Span<byte> lengthField = stackalloc byte[LengthBytes];
        file.ReadExactly(0, lengthField, place);
        int length = CheckLength(lengthField, file.Path);
        if (length > file.Length - LengthBytes)
        {
            throw file.Error(place, $"its length field says {length} bytes, the file has {file.Length - LengthBytes} after it");
        }

        byte[] json = new byte[length];
        file.ReadExactly(LengthBytes, json, place);
        var header = SafetensorsHeader.Parse(json, file.Path);
        long offset = LengthBytes + (long)length;
        if (header.DataBytes != file.Length - offset)
        {
            throw file.Error(place, $"its tensors take {header.DataBytes} bytes, the file has {file.Length - offset} after the header");
        }

        var tensors = new List<StoredTensor>(header.Tensors.Count);
        foreach (TensorInfo info in header.Tensors)
        {
            tensors.Add(StoredTensor.Create(file, info.Name, info.Type, info.Shape, null, offset, info.ByteCount, 0));
            offset += info.ByteCount;
        }

        return (tensors, header.Metadata);
    }

    private static byte[] Header(IReadOnlyList<(string Name, torch.Tensor Tensor)> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var entries = new OrderedDictionary<string, object>();
        if (metadata is { Count: > 0 })
        {
            entries.Add(MetadataName, metadata);
        }

        long offset = 0;
        foreach ((string name, torch.Tensor tensor) in tensors)
        {
            ArgumentException.ThrowIfNullOrEmpty(name, nameof(tensors));
            string dtype = TensorTypes.ToSafetensors(tensor.dtype) ?? throw new ArgumentException(
                $"Tensor '{name}' has type {tensor.dtype}; expected one of {TensorTypes.SafetensorsNames}.", nameof(tensors));
            long end = offset + (tensor.numel() * tensor.ElementSize);
            if (name == MetadataName || name.Length > ClipLimits.Current.TensorNameLength
                || !entries.TryAdd(name, new { dtype, tensor.shape, data_offsets = (long[])[offset, end] }))
            {
                throw new ArgumentException($"Tensor name '{name}' is reserved, too long or occurs twice.", nameof(tensors));
            }

            offset = end;
        }

        // Spaces up to a multiple of eight keep the data aligned for readers that map the file.
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(entries, s_json);
        return [.. json, .. Enumerable.Repeat((byte)' ', (8 - (json.Length % 8)) % 8)];
    }

    /// <summary>Reads the header at the start of a stream, and no further.</summary>
    internal static SafetensorsHeader ReadHeader(Stream stream, string source)
    {
        Span<byte> lengthField = stackalloc byte[LengthBytes];
        ReadExactly(stream, lengthField, source, "safetensors header");
        int remaining = CheckLength(lengthField, source);

        // The stream's real length is unknown: memory grows with what has arrived, not with what is promised.
        var json = new ArrayBufferWriter<byte>();
        while (remaining > 0)
        {
            Span<byte> part = json.GetSpan(Math.Min(remaining, 64 << 10))[..Math.Min(remaining, 64 << 10)];
            ReadExactly(stream, part, source, "safetensors header");
            json.Advance(part.Length);
            remaining -= part.Length;
        }

        return SafetensorsHeader.Parse(json.WrittenSpan, source);
    }

    private static torch.Tensor ReadTensor(Stream stream, string source, TensorInfo info)
    {
        string place = $"tensor {info.Name.Quoted()}";
        ClipLimits limits = ClipLimits.Current;
        if (info.ByteCount > limits.StreamedTensorBytes)
        {
            throw CheckpointFormatException.At(source, place,
                $"{ClipLimits.AtMost(limits.StreamedTensorBytes, "bytes")}, found {info.ByteCount}");
        }

        torch.Tensor tensor = Allocate(info, source, place);
        try
        {
            TensorBytes.ForEachChunk(tensor, bytes => ReadExactly(stream, bytes, source, place));
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    // What a stream claims to hold is allocated before it has arrived: there may be less memory than that.
    private static torch.Tensor Allocate(TensorInfo info, string source, string place)
    {
        try
        {
            return torch.empty(info.Shape, dtype: info.Type, device: torch.CPU);
        }
        catch (ExternalException e)
        {
            throw CheckpointFormatException.At(source, place, $"there is no memory for its {info.ByteCount} bytes", e);
        }
    }

    private static int CheckLength(ReadOnlySpan<byte> lengthField, string source)
    {
        ulong length = ReadUInt64LittleEndian(lengthField);
        ClipLimits limits = ClipLimits.Current;
        return length >= 2 && length <= (ulong)limits.HeaderBytes
            ? (int)length
            : throw CheckpointFormatException.At(
                source, "safetensors header",
                $"expected two or more, and {ClipLimits.AtMost(limits.HeaderBytes, "bytes")}, found {length}");
    }

    private static void ReadExactly(Stream stream, Span<byte> destination, string source, string place)
    {
        int read = stream.ReadAtLeast(destination, destination.Length, throwOnEndOfStream: false);
        if (read < destination.Length)
        {
            throw CheckpointFormatException.At(source, place, $"the data ends {destination.Length - read} bytes too early");
        }
    }
}
