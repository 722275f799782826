using System.Globalization;
using System.Numerics;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// The format of PyTorch before 1.6: five pickles (magic number, protocol, system, the object, the storages' keys),
/// then for each key the element count as 64 bits and the elements.
/// </summary>
internal static class PyTorchLegacy
{
    private const long Protocol = 1001;

    private static readonly BigInteger Magic = BigInteger.Parse("1950a86a20f9469cfc6c", NumberStyles.HexNumber,
        CultureInfo.InvariantCulture);

    /// <summary>The magic number as it stands in the file.</summary>
    private static ReadOnlySpan<byte> MagicBytes => [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

    internal static bool Matches(ReadOnlySpan<byte> start) =>
        start.Length > 0 && start[0] == (byte)PickleOpcode.Proto && start.IndexOf(MagicBytes) >= 0;

    internal static List<StoredTensor> Read(CheckpointFile file)
    {
        const string place = "pickle";
        using var stream = new FileSection(file, 0, file.Length);
        var reader = new PickleReader(stream, Math.Min(file.Length, ClipLimits.Current.PickleBytes), file.Path, place);
        if (reader.Read() is not BigInteger magic || magic != Magic)
        {
            throw file.Error(place, "expected PyTorch's magic number first");
        }

        if (reader.Read() is not Protocol)
        {
            throw file.Error(place, $"expected PyTorch protocol {Protocol}");
        }

        if (reader.Read() is not Dictionary<string, object?> system || system.GetValueOrDefault("little_endian") is not true)
        {
            throw file.Error(place, "expected a file written on a little-endian machine");
        }

        List<(string Name, PickleTensor Tensor)> tensors = StateDict.Collect(reader.Read(), file.Path, place);
        if (reader.Read() is not List<object?> keys)
        {
            throw file.Error(place, "expected the list of storages last");
        }

        Dictionary<string, long> offsets = LocateStorages(file, keys, reader);
        return tensors.ConvertAll(entry =>
        {
            string key = entry.Tensor.Storage.Key;
            return offsets.TryGetValue(key, out long offset)
                ? StoredTensor.Create(file, entry.Name, entry.Tensor, offset)
                : throw file.Error($"tensor {entry.Name.Quoted()}", $"its storage {key.Quoted()} is not in the file");
        });
    }

    private static Dictionary<string, long> LocateStorages(CheckpointFile file, List<object?> keys, PickleReader reader)
    {
        var offsets = new Dictionary<string, long>();
        long offset = reader.Position;
        Span<byte> countField = stackalloc byte[8];
        foreach (object? item in keys)
        {
            if (item is not string key || !reader.Storages.TryGetValue(key, out PickleStorage? storage))
            {
                throw file.Error("list of storages", "expected keys that the pickle refers to");
            }

            string place = $"storage {key.Quoted()}";
            file.ReadExactly(offset, countField, place);
            long count = ReadInt64LittleEndian(countField);
            offset += countField.Length;
            if (count != storage.Count || count > (file.Length - offset) / TensorTypes.Size(storage.Type))
            {
                throw file.Error(
                    place,
                    $"expected {storage.Count} {storage.Type} elements in the {file.Length - offset} bytes from {offset} on, found a count "
                    + $"of {count}");
            }

            if (!offsets.TryAdd(key, offset))
            {
                throw file.Error(place, "it is listed twice");
            }

            offset += count * TensorTypes.Size(storage.Type);
        }

        return offsets;
    }
}
