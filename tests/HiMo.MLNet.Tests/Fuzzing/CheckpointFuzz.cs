using System.Buffers.Binary;
using System.Text;
using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Tests.Checkpoints;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Checkpoints of every format, damaged where their readers look.</summary>
internal static class CheckpointFuzz
{
    // A record of the list of entries: where its fields lie and how wide they are.
    private static readonly (int At, int Width)[] s_entryFields = [(8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4)];
    private static readonly (int At, int Width)[] s_endFields = [(8, 2), (10, 2), (12, 4), (16, 4), (20, 2)];
    private static readonly (int At, int Width)[] s_wideEndFields = [(4, 8), (24, 8), (32, 8), (40, 8), (48, 8)];

    private static readonly byte[][] s_pickles =
    [
        [(byte)'h', 0], [(byte)'h', 1], [(byte)'q', 0], [(byte)'q', 1], [(byte)'('], [(byte)'t'], [(byte)'u'], [(byte)'e'], [(byte)'s'], [(byte)'a'],
        [(byte)']'], [(byte)'}'], [(byte)')'], [(byte)'R'], [(byte)'b'], [0x81], [0x85], [0x86], [0x87], [(byte)'Q'], [(byte)'0'], [(byte)'1'], [0x94],
        [(byte)'N'], [0x88], [0x8a, 8, 255, 255, 255, 255, 255, 255, 255, 127], [0x8a, 255, .. new byte[255]], [(byte)'X', 0, 0, 0, 128],
        [(byte)'X', 0, 0, 16, 0], [0x8d, 0, 0, 0, 0, 0, 0, 0, 128],
        .. new[] { "collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage", "torch\nSize", "__torch__\nModel", "os\nsystem" }
            .Select(name => Encoding.ASCII.GetBytes($"c{name}\n")),
        // A list in itself; a pair of pairs of pairs: 2^60 values when walked through; tuples 20,000 deep; a million marks.
        "]q\0h\0a"u8.ToArray(),
        [(byte)'N', (byte)'q', 0, .. Enumerable.Repeat((byte[])[(byte)'h', 0, (byte)'h', 0, 0x86, (byte)'q', 0], 60).SelectMany(pair => pair)],
        [(byte)')', .. Enumerable.Repeat((byte)0x85, 20_000)],
        [.. Enumerable.Repeat((byte)'(', 100_000)],
        // A dictionary that holds itself under the names that are looked into.
        [.. "}q\0(X\u0005\0\0\0modelh\0X\u0003\0\0\0neth\0X\u0006\0\0\0moduleh\0u"u8],
    ];

    public static FuzzKind Zip(string folder)
    {
        (string, Tensor)[] tensors = Tensors();
        byte[] pickle = CheckpointWriter.Pickle(tensors);
        byte[][] storages = [.. tensors.Select(tensor => CheckpointWriter.Bytes(tensor.Item2))];
        byte[][] archives =
        [
            CheckpointWriter.Zip(tensors), CheckpointWriter.Zip(tensors, wide: true), CheckpointWriter.TorchScript(tensors), PythonPickles.Zip(2), PythonPickles.Zip(5),
            PyTorchFormatTests.Deflate(
                new PickleWriter().Dictionary(("a", w => w.Tensor("0", "FloatStorage", 1, 0, [1], [1]))).Stop(),
                System.IO.Compression.CompressionLevel.Optimal,
                System.IO.Compression.CompressionLevel.NoCompression),
        ];
        return Kind("PyTorch zip", folder, random => random.Next(5) switch
        {
            0 => Mutations.Bytes(random, random.Pick(archives), random.Pick(archives)),
            < 3 => CheckpointWriter.Zip(Pickle(random, pickle), storages, wide: random.Next(2) == 0),
            _ => Directory(random, random.Pick(archives)),
        });
    }

    public static FuzzKind Legacy(string folder)
    {
        (string Name, Tensor Tensor)[] tensors = Tensors();
        byte[] pickle = CheckpointWriter.Pickle(tensors);
        byte[][] files = [CheckpointWriter.Legacy(tensors), PythonPickles.Legacy(2), PythonPickles.Legacy(4)];
        (string Key, long Count, byte[] Bytes)[] storages =
            [.. tensors.Select((entry, i) => ($"{i}", entry.Tensor.numel(), CheckpointWriter.Bytes(entry.Tensor)))];
        return Kind("PyTorch before 1.6", folder, random =>
        {
            if (random.Next(3) == 0)
            {
                return Mutations.Bytes(random, random.Pick(files), random.Pick(files));
            }

            (string Key, long Count, byte[] Bytes)[] own = [.. storages];
            int changed = random.Next(own.Length);
            own[changed] = random.Next(5) switch
            {
                0 => own[changed] with { Key = random.Pick(own).Key },
                1 => own[changed] with { Count = random.Pick<long>([-1, 0, long.MaxValue, 1L << 61, 3]) },
                2 => own[changed] with { Bytes = own[changed].Bytes[..random.Next(own[changed].Bytes.Length)] },
                _ => own[changed],
            };
            return CheckpointWriter.Legacy(random.Next(3) == 0 ? pickle : Pickle(random, pickle), own);
        });
    }

    public static FuzzKind Safetensors(string folder)
    {
        byte[] file = SafetensorsTests.Write(Tensors(), new Dictionary<string, string> { ["format"] = "pt" });
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        string header = Encoding.UTF8.GetString(file, 8, length);
        return Kind("safetensors", folder, random =>
        {
            if (random.Next(3) == 0)
            {
                return Mutations.Bytes(random, file);
            }

            byte[] json = Mutations.Utf8(Mutations.Json(random, header)), field = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(field, json.Length + (random.Next(8) == 0 ? random.Next(-9, 9) : 0));
            return [.. field, .. json, .. file.AsSpan(8 + length, random.Next(8) == 0 ? random.Next(file.Length - 8 - length) : file.Length - 8 - length)];
        }, alsoAsStream: true);
    }

    public static FuzzKind ShardIndex(string folder)
    {
        (string Name, Tensor Tensor)[] tensors = Tensors();
        File.WriteAllBytes(Path.Combine(folder, "a.safetensors"), SafetensorsTests.Write(tensors[..4]));
        File.WriteAllBytes(Path.Combine(folder, "b.bin"), CheckpointWriter.Zip(tensors[4..]));
        string map = string.Join(", ", tensors.Select((t, i) => $"\"{t.Name}\": \"{(i < 4 ? "a.safetensors" : "b.bin")}\""));
        string index = $"{{\"metadata\": {{\"total_size\": 4711}}, \"weight_map\": {{{map}}}}}";
        return Kind("shard index", folder, random => Mutations.Utf8(
            random.Next(3) == 0 ? Mutations.Lines(random, index)
            : random.Next(3) == 0 ? index.Replace("b.bin", random.Pick(["../b.bin", "./b.bin", "", ".", "b.bin\0", "B.bin", "case", "a.safetensors", "/b.bin", "b:bin"]))
            : Mutations.Json(random, index)));
    }

    private static FuzzKind Kind(string name, string folder, Func<Random, byte[]> make, bool alsoAsStream = false)
    {
        string path = Path.Combine(folder, "case");
        return new FuzzKind(name, make, Read, error => error is CheckpointFormatException, 8 << 20);

        void Read(byte[] file)
        {
            if (alsoAsStream && file.Length % 2 == 0)
            {
                foreach ((string _, Tensor tensor) in HiMo.MLNet.Checkpoints.Safetensors.ReadSequential(new ForwardOnlyStream(new MemoryStream(file)), "entry"))
                {
                    tensor.Dispose();
                }

                return;
            }

            File.WriteAllBytes(path, file);
            using var checkpoint = Checkpoint.Open(path);
            foreach (string tensor in checkpoint.Tensors.Keys)
            {
                checkpoint.Read(tensor).Dispose();
            }
        }
    }

    private static byte[] Pickle(Random random, byte[] pickle)
    {
        if (random.Next(3) == 0)
        {
            return Mutations.Bytes(random, pickle);
        }

        for (int rounds = random.Next(1, 4); rounds > 0; rounds--)
        {
            int at = random.Next(2, pickle.Length);
            pickle = [.. pickle[..at], .. random.Pick(s_pickles), .. pickle[at..]];
        }

        return pickle;
    }

    /// <summary>Changes fields of the list of entries, half of them to those of another entry: entries then overlap or repeat.</summary>
    private static byte[] Directory(Random random, byte[] archive)
    {
        byte[] file = [.. archive];
        int[] entries = Find(file, "PK\u0001\u0002"u8), ends = [.. Find(file, "PK\u0005\u0006"u8), .. Find(file, "PK\u0006\u0006"u8)];
        for (int rounds = random.Next(1, 4); rounds > 0; rounds--)
        {
            bool atEnd = random.Next(4) == 0;
            int record = random.Pick(atEnd ? ends : entries), other = random.Pick(entries);
            (int at, int width) = random.Pick(!atEnd ? s_entryFields : file[record + 2] == 5 ? s_endFields : s_wideEndFields);
            Span<byte> field = file.AsSpan(record + at, width);
            if (!atEnd && random.Next(2) == 0)
            {
                file.AsSpan(other + at, width).CopyTo(field);
                continue;
            }

            long[] values = [0, 1, 8, 0xffff, 0xffffffff, -2, int.MaxValue, 1L << 32, 1L << 62, random.Next(file.Length), 1_000_000];
            byte[] value = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(value, random.Pick(values));
            value.AsSpan(0, width).CopyTo(field);
        }

        return file;
    }

    private static int[] Find(byte[] file, ReadOnlySpan<byte> signature)
    {
        List<int> found = [];
        for (int at = 0; at <= file.Length - 60; at++)
        {
            if (file.AsSpan(at).StartsWith(signature))
            {
                found.Add(at);
            }
        }

        // The last record ends the file, in fewer bytes than that.
        int end = file.AsSpan().LastIndexOf(signature);
        return found.Count == 0 && end >= 0 ? [end] : [.. found];
    }

    private static (string Name, Tensor Tensor)[] Tensors()
    {
        using var generator = new Generator(1);
        return
        [
            ("visual.proj", randn([4, 3], generator: generator)), ("visual.conv1.weight", randn([2, 3, 2, 2], generator: generator).to(ScalarType.Float16)),
            ("logit_scale", tensor(4.6f)), ("visual.bn1.num_batches_tracked", tensor(3L)),
            ("text_model.encoder.layers.0.self_attn.q_proj.weight", randn([2, 2], generator: generator)),
            ("text_model.encoder.layers.0.self_attn.k_proj.weight", randn([2, 2], generator: generator)),
            ("text_model.encoder.layers.0.self_attn.v_proj.weight", randn([2, 2], generator: generator)),
            ("text_projection.weight", randn([2, 5], generator: generator)),
        ];
    }
}
