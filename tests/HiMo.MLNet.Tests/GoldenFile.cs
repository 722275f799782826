using System.Buffers.Binary;
using System.Text.Json;

namespace HiMo.MLNet.Tests;

/// <summary>Reads the golden files beside the tests; knows safetensors without the library's own reader.</summary>
internal static class GoldenFile
{
    public static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, "Golden", name);

    public static Dictionary<string, (long[] Shape, float[] Values)> Read(string name)
    {
        byte[] bytes = File.ReadAllBytes(PathOf(name));
        int headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, headerLength));
        return header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__").ToDictionary(
            entry => entry.Name,
            entry =>
            {
                long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
                int[] offsets = [.. entry.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
                Span<byte> data = bytes.AsSpan(8 + headerLength)[offsets[0]..offsets[1]];
                return (shape, Floats(entry.Value.GetProperty("dtype").GetString()!, data));
            });
    }

    private static float[] Floats(string type, ReadOnlySpan<byte> data)
    {
        int width = type switch { "F32" => 4, "I64" => 8, "F16" => 2, "U8" or "BOOL" => 1, _ => throw new NotSupportedException(type) };
        float[] values = new float[data.Length / width];
        for (int i = 0; i < values.Length; i++)
        {
            ReadOnlySpan<byte> value = data[(i * width)..];
            values[i] = type switch
            {
                "F32" => BinaryPrimitives.ReadSingleLittleEndian(value),
                "I64" => BinaryPrimitives.ReadInt64LittleEndian(value),
                "F16" => (float)BinaryPrimitives.ReadHalfLittleEndian(value),
                _ => value[0],
            };
        }

        return values;
    }
}
