using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Files damaged by chance and on purpose: they load, or they are refused with a message; nothing else happens.</summary>
public sealed class DamagedCheckpointTests
{
    private const int MutationsPerFile = 400;
    private const long MostAllocated = 1 << 20;

    [Fact]
    public void Thousands_of_damaged_files_load_or_are_refused_within_bounds()
    {
        using var folder = new TemporaryFolder();
        List<(string Name, byte[] Bytes)> originals = Originals(folder);
        var random = new Random(20240817);
        int loaded = 0;
        int refused = 0;
        TimeSpan slowest = TimeSpan.Zero;
        long largest = 0;
        foreach ((string? name, byte[]? original) in originals)
        {
            for (int i = 0; i < MutationsPerFile; i++)
            {
                byte[] damaged = Damage(original, originals[random.Next(originals.Count)].Bytes, random);
                string path = folder.Write("damaged", damaged);
                var clock = Stopwatch.StartNew();
                long before = GC.GetAllocatedBytesForCurrentThread();
                Exception? error = Record.Exception(() => ReadAll(path));
                largest = Math.Max(largest, GC.GetAllocatedBytesForCurrentThread() - before);
                slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
                if (error is null)
                {
                    loaded++;
                    continue;
                }

                refused++;
                Assert.True(error is CheckpointFormatException, $"{name}, mutation {i}: {error}");
                Assert.InRange(error.Message.Length, path.Length + 10, 4_000);
            }
        }

        Assert.True(loaded + refused >= 2_000);
        Assert.True(loaded > 100, $"only {loaded} loaded: the mutations are too coarse");
        Assert.True(refused > 1_000, $"only {refused} were refused: the mutations are too gentle");
        Assert.InRange(largest, 0, MostAllocated);
        Assert.InRange(slowest, TimeSpan.Zero, TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Damaged_streams_load_or_are_refused()
    {
        using var folder = new TemporaryFolder();
        byte[] original = Originals(folder)[0].Bytes;
        var random = new Random(7);
        for (int i = 0; i < MutationsPerFile; i++)
        {
            var stream = new ForwardOnlyStream(new MemoryStream(Damage(original, original, random)));
            Exception? error = Record.Exception(() =>
            {
                foreach ((string _, Tensor? tensor) in Safetensors.ReadSequential(stream, "entry"))
                {
                    tensor.Dispose();
                }
            });
            Assert.True(error is null or CheckpointFormatException, $"mutation {i}: {error}");
        }
    }

    [Fact]
    public void Every_truncation_of_every_format_is_refused()
    {
        using var folder = new TemporaryFolder();
        foreach ((string? name, byte[]? bytes) in Originals(folder).Where(original => original.Name != "index"))
        {
            // The archives end with a comment's length, the other formats with data: no byte can be missing.
            for (int length = 0; length < bytes.Length; length += Math.Max(1, bytes.Length / 150))
            {
                string path = folder.Write("short", bytes.AsSpan(0, length));
                Exception error = Record.Exception(() => ReadAll(path));
                Assert.True(error is CheckpointFormatException, $"{name}, {length} of {bytes.Length} bytes: {error}");
            }
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("hello")]
    [InlineData("<html>404</html>")]
    [InlineData("PK\x03\x04")]
    [InlineData("\x80\x02.")]
    public void Says_what_it_expects_of_a_file_of_another_kind(string content)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("other", Encoding.Latin1.GetBytes(content));
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path));
        Assert.StartsWith(path, error.Message);
        Assert.Contains("expected", error.Message);
    }

    [Fact]
    public void Explains_a_pointer_of_Git_LFS()
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"u8);
        Assert.Contains("git lfs pull", Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path)).Message);
    }

    [Fact]
    public void A_missing_file_is_a_missing_file() => Assert.Throws<FileNotFoundException>(() => Checkpoint.Open("no-such-file.pt"));

    private static void ReadAll(string path)
    {
        using DisposeScope scope = NewDisposeScope();
        using var checkpoint = Checkpoint.Open(path);
        foreach (string name in checkpoint.Tensors.Keys)
        {
            checkpoint.Read(name).Dispose();
        }
    }

    private static List<(string Name, byte[] Bytes)> Originals(TemporaryFolder folder)
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(1);
        (string, Tensor)[] tensors =
        [
            ("visual.proj", randn(4, 3)), ("visual.conv1.weight", randn(2, 3, 2, 2).to(ScalarType.Float16)),
            ("logit_scale", tensor(4.6f)), ("visual.bn1.num_batches_tracked", tensor(3L)),
            ("text_model.encoder.layers.0.self_attn.q_proj.weight", randn(2, 2)),
            ("text_model.encoder.layers.0.self_attn.k_proj.weight", randn(2, 2)),
            ("text_model.encoder.layers.0.self_attn.v_proj.weight", randn(2, 2)),
            ("text_projection.weight", randn(2, 5)),
        ];
        folder.Write("shard.safetensors", SafetensorsTests.Write(tensors));
        return
        [
            ("safetensors", SafetensorsTests.Write(tensors)),
            ("zip", CheckpointWriter.Zip(tensors)),
            ("zip64", CheckpointWriter.Zip(tensors, wide: true)),
            ("TorchScript", CheckpointWriter.TorchScript(tensors)),
            ("legacy", CheckpointWriter.Legacy(tensors)),
            ("deflated", PyTorchFormatTests.Deflate(
                new PickleWriter().Dictionary(("a", w => w.Tensor("0", "FloatStorage", 1, 0, [1], [1]))).Stop(), CompressionLevel.Optimal, CompressionLevel.NoCompression)),
            ("Python's zip", PythonPickles.Zip(5)),
            ("Python's legacy", PythonPickles.Legacy(4)),
            ("index", Encoding.UTF8.GetBytes($$"""{"weight_map": { {{string.Join(", ", tensors.Select(entry => $"\"{entry.Item1}\": \"shard.safetensors\""))}} } }""")),
        ];
    }

    private static byte[] Damage(byte[] original, byte[] other, Random random)
    {
        byte[] bytes = original.ToArray();
        for (int rounds = random.Next(1, 4); rounds > 0 && bytes.Length > 16; rounds--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(7))
            {
                case 0:
                    bytes = bytes[..at];
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    // Lengths and counts of every width, inflated or negative.
                    byte[] field = new byte[8];
                    long[] values = [-1, long.MaxValue, int.MaxValue, uint.MaxValue, 1L << random.Next(63), random.Next(1 << 20)];
                    BinaryPrimitives.WriteInt64LittleEndian(field, values[random.Next(values.Length)]);
                    int width = Math.Min(1 << random.Next(4), bytes.Length - at);
                    field.AsSpan(0, width).CopyTo(bytes.AsSpan(at));
                    break;
                case 4:
                    int source = random.Next(other.Length);
                    int length = Math.Min(random.Next(1, 64), Math.Min(other.Length - source, bytes.Length - at));
                    other.AsSpan(source, length).CopyTo(bytes.AsSpan(at));
                    break;
                case 5:
                    bytes = [.. bytes[..at], .. other[random.Next(other.Length)..]];
                    break;
                default:
                    // Digits in headers of text, and numbers in pickles that look like them.
                    int digit = Array.FindIndex(bytes, at, value => value is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                    {
                        bytes[digit] = (byte)('0' + random.Next(10));
                    }

                    break;
            }
        }

        return bytes;
    }
}
