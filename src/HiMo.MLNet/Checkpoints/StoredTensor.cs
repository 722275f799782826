using static TorchSharp.torch;

namespace HiMo.MLNet.Checkpoints;

/// <summary>Where a tensor lies in a file: everything needed to read it, and nothing read yet.</summary>
/// <param name="file">The file.</param>
/// <param name="info">What it is.</param>
/// <param name="offset">Its first byte.</param>
/// <param name="strides">Strides in elements; null for a dense tensor in row-major order.</param>
/// <param name="span">Elements from the first to the last one, both counted.</param>
internal sealed class StoredTensor(CheckpointFile file, TensorInfo info, long offset, long[]? strides, long span)
{
    internal TensorInfo Info => info;

    /// <summary>Describes a tensor inside a storage and checks that it fits there.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">The tensor's name as the file has it.</param>
    /// <param name="type">The element type.</param>
    /// <param name="shape">The shape.</param>
    /// <param name="strides">Strides in elements; null for a dense tensor in row-major order.</param>
    /// <param name="storageOffset">Where the storage starts, in bytes from the start of the file.</param>
    /// <param name="storageBytes">Bytes of the storage; already known to lie inside the file.</param>
    /// <param name="elementOffset">The tensor's first element, in elements from the start of the storage.</param>
    internal static StoredTensor Create(
        CheckpointFile file,
        string name,
        ScalarType type,
        long[] shape,
        long[]? strides,
        long storageOffset,
        long storageBytes,
        long elementOffset)
    {
        string place = $"tensor {name.Quoted()}";
        if (strides is not null && strides.Length != shape.Length)
        {
            throw file.Error(place, $"expected one stride for each of {shape.Length} dimensions, found {strides.Length}");
        }

        int size = TensorTypes.Size(type);
        string shown = $"[{string.Join(", ", shape)}] {type}";

        // An expanded tensor (stride 0) may claim any number of elements: no tensor may be larger than its storage.
        if (TensorTypes.ByteCount(type, shape) is not { } bytes || bytes > storageBytes)
        {
            throw file.Error(place, $"shape {shown} does not fit its storage of {storageBytes} bytes");
        }

        var info = new TensorInfo(name, type, shape, bytes);
        long available = (storageBytes / size) - elementOffset;
        long span = bytes == 0 ? 0 : Span(shape, strides ?? RowMajor(shape));
        if (elementOffset < 0 || span < 0 || span > available)
        {
            throw file.Error(
                place,
                $"shape {shown} with strides [{string.Join(", ", strides ?? RowMajor(shape))}] from element {elementOffset} on " +
                $"reaches outside its storage of {storageBytes / size} elements");
        }

        bool dense = strides is null || bytes == 0 || IsDense(shape, strides);
        return new StoredTensor(file, info, storageOffset + (elementOffset * size), dense ? null : strides, span);
    }

    /// <summary>Describes a tensor of a pickle and checks that it fits its storage.</summary>
    /// <param name="file">The file.</param>
    /// <param name="name">The tensor's name as the file has it.</param>
    /// <param name="tensor">The tensor.</param>
    /// <param name="offset">Where its storage starts, which is already known to lie inside the file.</param>
    internal static StoredTensor Create(CheckpointFile file, string name, PickleTensor tensor, long offset)
    {
        PickleStorage storage = tensor.Storage;
        int size = TensorTypes.Size(storage.Type);
        return Create(file, name, storage.Type, tensor.Shape, tensor.Strides, offset + (storage.ViewOffset * size),
            storage.ViewCount * size, tensor.Offset);
    }

    /// <summary>Reads the tensor into <paramref name="destination"/>: contiguous, on the CPU, of equal type and shape.</summary>
    internal void CopyTo(Tensor destination)
    {
        if (strides is null)
        {
            Fill(destination);
            return;
        }

        using Tensor storage = empty([span], dtype: Info.Type, device: CPU);
        Fill(storage);
        using Tensor view = storage.as_strided(Info.Shape, strides, 0);
        destination.copy_(view);
    }

    private void Fill(Tensor destination)
    {
        long position = offset;
        TensorBytes.ForEachChunk(destination, bytes =>
        {
            file.ReadExactly(position, bytes, $"tensor {Info.Name.Quoted()}");
            position += bytes.Length;
        });
    }

    /// <summary>Elements from the first to the last one, both counted; -1 for strides that make no sense.</summary>
    private static long Span(long[] shape, long[] strides)
    {
        Int128 last = 0;
        for (int i = 0; i < shape.Length; i++)
        {
            if (strides[i] < 0)
            {
                return -1;
            }

            last += (Int128)(shape[i] - 1) * strides[i];
        }

        return last < long.MaxValue ? (long)last + 1 : -1;
    }

    private static long[] RowMajor(long[] shape)
    {
        long[] strides = new long[shape.Length];
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(shape[i], 1);
        }

        return strides;
    }

    private static bool IsDense(long[] shape, long[] strides)
    {
        long stride = 1;
        for (int i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] != 1 && strides[i] != stride)
            {
                return false;
            }

            stride *= shape[i];
        }

        return true;
    }
}
