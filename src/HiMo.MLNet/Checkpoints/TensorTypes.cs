using static TorchSharp.torch;

namespace HiMo.MLNet.Checkpoints;

/// <summary>Element types: their sizes and their names in the file formats.</summary>
internal static class TensorTypes
{
    private static readonly (ScalarType Type, int Size, string Safetensors, string Storage)[] Known =
    [
        (ScalarType.Bool, 1, "BOOL", "BoolStorage"),
        (ScalarType.Byte, 1, "U8", "ByteStorage"),
        (ScalarType.Int8, 1, "I8", "CharStorage"),
        (ScalarType.Int16, 2, "I16", "ShortStorage"),
        (ScalarType.Int32, 4, "I32", "IntStorage"),
        (ScalarType.Int64, 8, "I64", "LongStorage"),
        (ScalarType.Float16, 2, "F16", "HalfStorage"),
        (ScalarType.BFloat16, 2, "BF16", "BFloat16Storage"),
        (ScalarType.Float32, 4, "F32", "FloatStorage"),
        (ScalarType.Float64, 8, "F64", "DoubleStorage"),
    ];

    internal static string SafetensorsNames { get; } = string.Join(", ", Known.Select(known => known.Safetensors));

    internal static int Size(ScalarType type) => Array.Find(Known, known => known.Type == type).Size;

    internal static ScalarType? FromSafetensors(string name) => Find(known => known.Safetensors == name);

    internal static ScalarType? FromStorage(string name) => Find(known => known.Storage == name);

    /// <summary>The safetensors name, or null where the format is not written here (complex, quantized).</summary>
    internal static string? ToSafetensors(ScalarType type) => Array.Find(Known, known => known.Type == type).Safetensors;

    /// <summary>Bytes of a dense tensor, or null where a size is negative or the product overflows.</summary>
    internal static long? ByteCount(ScalarType type, ReadOnlySpan<long> shape)
    {
        long count = Size(type);
        bool empty = false;
        foreach (long size in shape)
        {
            if (size < 0)
            {
                return null;
            }

            empty |= size == 0;
            if (size > 0 && count > long.MaxValue / size)
            {
                return null;
            }

            count *= Math.Max(size, 1);
        }

        return empty ? 0 : count;
    }

    private static ScalarType? Find(Predicate<(ScalarType Type, int Size, string Safetensors, string Storage)> match)
    {
        int index = Array.FindIndex(Known, match);
        return index < 0 ? null : Known[index].Type;
    }
}
