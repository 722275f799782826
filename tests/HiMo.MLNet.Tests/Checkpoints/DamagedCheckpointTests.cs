using System.IO.Compression;
using System.Text;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Files that are cut off, or are something else: refused with a message. Damage at random: see <see cref="Fuzzing.FuzzTests"/>.</summary>
public sealed class DamagedCheckpointTests
{
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
}
