using System.Buffers.Binary;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Writes tensors in the formats that the library only reads.</summary>
internal static class CheckpointWriter
{
    private static readonly Dictionary<ScalarType, string> StorageNames = new()
    {
        [ScalarType.Bool] = "BoolStorage",
        [ScalarType.Byte] = "ByteStorage",
        [ScalarType.Int8] = "CharStorage",
        [ScalarType.Int16] = "ShortStorage",
        [ScalarType.Int32] = "IntStorage",
        [ScalarType.Int64] = "LongStorage",
        [ScalarType.Float16] = "HalfStorage",
        [ScalarType.BFloat16] = "BFloat16Storage",
        [ScalarType.Float32] = "FloatStorage",
        [ScalarType.Float64] = "DoubleStorage",
    };

    /// <summary>A state dict as torch.save writes it.</summary>
    internal static byte[] Zip((string Name, Tensor Tensor)[] tensors, bool wide = false) =>
        Zip(Pickle(tensors), Storages(tensors), wide);

    /// <summary>The pickle of a state dict, whose storages are numbered.</summary>
    internal static byte[] Pickle((string Name, Tensor Tensor)[] tensors) => new PickleWriter().Dictionary(Entries(tensors)).Stop();

    internal static byte[] Zip(byte[] pickle, IEnumerable<byte[]> storages, bool wide = false) => ZipWriter.Store(
        [("model/data.pkl", pickle), ("model/byteorder", "little"u8.ToArray()), .. storages.Select((bytes, i) => ($"model/data/{i}", bytes))],
        wide);

    /// <summary>An archive as torch.jit.save writes it, with a module for each part of the dotted names.</summary>
    internal static byte[] TorchScript((string Name, Tensor Tensor)[] tensors)
    {
        (string Name, Action<PickleWriter> Value)[] entries = Entries(tensors);
        var pickle = new PickleWriter();
        Module(pickle, "");
        return ZipWriter.Store(
        [
            ("model/data.pkl", pickle.Stop()),
            ("model/code/__torch__.py", "class Model(Module):"u8.ToArray()),
            ("model/constants.pkl", new PickleWriter().Op(')').Stop()),
            .. Storages(tensors).Select((bytes, i) => ($"model/data/{i}", bytes)),
        ]);

        void Module(PickleWriter writer, string prefix)
        {
            IEnumerable<(string Name, Action<PickleWriter> Value)> inside = entries.Where(entry => entry.Name.StartsWith(prefix, StringComparison.Ordinal));
            writer.Module("Model",
            [
                ("training", inner => inner.Raw(0x88)),
                ("_is_full_backward_hook", inner => inner.Op('N')),
                .. inside.GroupBy(entry => entry.Name[prefix.Length..].Split('.')[0]).Select<IGrouping<string, (string Name, Action<PickleWriter> Value)>, (string, Action<PickleWriter>)>(
                    group => (group.Key, group.First().Name == prefix + group.Key ? group.First().Value : inner => Module(inner, $"{prefix}{group.Key}."))),
            ]);
        }
    }

    /// <summary>A state dict as torch.save wrote it before version 1.6.</summary>
    internal static byte[] Legacy((string Name, Tensor Tensor)[] tensors) =>
        Legacy(new PickleWriter().Dictionary(Entries(tensors)).Stop(), [.. tensors.Select((entry, i) => ($"{i}", entry.Tensor.numel(), Bytes(entry.Tensor)))]);

    internal static byte[] Legacy(byte[] pickle, (string Key, long Count, byte[] Bytes)[] storages, bool littleEndian = true)
    {
        var file = new MemoryStream();
        file.Write(new PickleWriter().Raw(0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19).Stop());
        file.Write(new PickleWriter().Int(1001).Stop());
        file.Write(new PickleWriter().Dictionary(("protocol_version", inner => inner.Int(1001)), ("little_endian", inner => inner.Raw(littleEndian ? (byte)0x88 : (byte)0x89))).Stop());
        file.Write(pickle);
        PickleWriter keys = new PickleWriter().Op(']').Mark();
        foreach ((string? key, long _, byte[] _) in storages)
        {
            keys.Text(key);
        }

        file.Write(keys.Op('e').Stop());
        Span<byte> field = stackalloc byte[8];
        foreach ((string _, long count, byte[]? bytes) in storages)
        {
            BinaryPrimitives.WriteInt64LittleEndian(field, count);
            file.Write(field);
            file.Write(bytes);
        }

        return file.ToArray();
    }

    internal static byte[] Bytes(Tensor tensor)
    {
        using Tensor dense = tensor.contiguous();
        return dense.numel() == 0 ? [] : dense.bytes.ToArray();
    }

    private static (string Name, Action<PickleWriter> Value)[] Entries((string Name, Tensor Tensor)[] tensors) =>
        [.. tensors.Select<(string Name, Tensor Tensor), (string, Action<PickleWriter>)>((entry, i) => (entry.Name, writer =>
        {
            long[] shape = entry.Tensor.shape;
            long[] strides = new long[shape.Length];
            for (long d = shape.Length - 1, stride = 1; d >= 0; stride *= shape[d--])
            {
                strides[d] = stride;
            }

            writer.Tensor($"{i}", StorageNames[entry.Tensor.dtype], entry.Tensor.numel(), 0, shape, strides);
        }))];

    private static IEnumerable<byte[]> Storages((string Name, Tensor Tensor)[] tensors) => tensors.Select(entry => Bytes(entry.Tensor));
}
