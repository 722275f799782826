using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using HiMo.MLNet.Checkpoints;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class SafetensorsTests
{
    private static readonly ScalarType[] Types =
    [
        ScalarType.Float32, ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float64, ScalarType.Int64,
        ScalarType.Int32, ScalarType.Int16, ScalarType.Int8, ScalarType.Byte, ScalarType.Bool,
    ];

    [Fact]
    public void Writes_and_reads_back_every_type_bit_for_bit()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        (string, Tensor)[] tensors = Types.Select(type => ($"as.{type}", (randn(7, 3) * 3).to(type))).ToArray();
        string path = folder.Write("all.safetensors", Write(tensors));

        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal(tensors.Select(entry => entry.Item1), checkpoint.Tensors.Keys);
        foreach ((string? name, Tensor? tensor) in tensors)
        {
            TensorAssert.SameBits(tensor, checkpoint.Read(name));
        }
    }

    [Fact]
    public void Keeps_not_a_number_infinities_and_negative_zero()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        foreach (ScalarType type in Types.Take(4))
        {
            Tensor special = tensor([float.NaN, float.PositiveInfinity, float.NegativeInfinity, -0f, float.Epsilon]).to(type);
            (string _, Tensor? read) = Assert.Single(Safetensors.ReadSequential(new MemoryStream(Write([("x", special)])), "memory"));
            TensorAssert.SameBits(special, read);
        }
    }

    [Fact]
    public void Writes_transposed_sliced_scalar_and_empty_tensors_as_they_look()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Tensor matrix = arange(12, dtype: ScalarType.Float32).view(3, 4);
        (string, Tensor)[] tensors = new[] { ("t", matrix.t()), ("column", matrix[.., 1]), ("scalar", tensor(5f)), ("none", zeros(0, 4)) };

        var read = Safetensors.ReadSequential(new MemoryStream(Write(tensors)), "memory").ToDictionary();

        Assert.Equal([0f, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11], read["t"].data<float>().ToArray());
        Assert.Equal([4L, 3], read["t"].shape);
        Assert.Equal([1f, 5, 9], read["column"].data<float>().ToArray());
        Assert.Empty(read["scalar"].shape);
        Assert.Equal(5f, read["scalar"].item<float>());
        Assert.Equal([0L, 4], read["none"].shape);
    }

    [Fact]
    public void Lays_the_file_out_as_the_format_says()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        byte[] bytes = Write([("a", tensor(new short[] { 1, 2 })), ("b", tensor(1.5f))], new Dictionary<string, string> { ["format"] = "pt" });

        long length = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Assert.Equal(0, length % 8);
        using var header = JsonDocument.Parse(bytes.AsMemory(8, (int)length));
        Assert.Equal("pt", header.RootElement.GetProperty("__metadata__").GetProperty("format").GetString());
        Assert.Equal("""{"dtype":"I16","shape":[2],"data_offsets":[0,4]}""", header.RootElement.GetProperty("a").GetRawText());
        Assert.Equal("""{"dtype":"F32","shape":[],"data_offsets":[4,8]}""", header.RootElement.GetProperty("b").GetRawText());
        Assert.Equal([1, 0, 2, 0, 0, 0, 0xc0, 0x3f], bytes[(8 + (int)length)..]);
    }

    [Fact]
    public void Works_on_streams_that_cannot_seek_and_leaves_what_follows()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using var golden = Checkpoint.Open("Golden/tiny-vit.safetensors");
        (string name, Tensor)[] tensors = golden.Tensors.Keys.Select(name => (name, golden.Read(name))).ToArray();
        var memory = new MemoryStream();
        Safetensors.Write(new ForwardOnlyStream(memory), tensors);
        memory.WriteByte(42);
        memory.Position = 0;

        SafetensorsHeader? seen = null;
        (string Name, Tensor Tensor)[] read = Safetensors.ReadSequential(new ForwardOnlyStream(memory), "entry", header => seen = header).ToArray();

        Assert.Equal(tensors.Select(entry => entry.name), read.Select(entry => entry.Name));
        Assert.Equal(tensors.Length, seen!.Tensors.Count);
        for (int i = 0; i < tensors.Length; i++)
        {
            TensorAssert.SameBits(tensors[i].Item2, read[i].Tensor);
        }

        Assert.Equal(42, memory.ReadByte());
    }

    [Fact]
    public void Reads_one_tensor_at_a_time()
    {
        using FileStream golden = File.OpenRead("Golden/tiny-vit.safetensors");
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        foreach ((string _, Tensor? tensor) in Safetensors.ReadSequential(golden, "golden"))
        {
            using (tensor)
            {
                Assert.Equal(1, scope.DisposablesCount);
            }
        }
    }

    [Fact]
    public void Shows_the_header_before_it_allocates_a_tensor()
    {
        byte[] huge = WithHeader("""{"a":{"dtype":"F32","shape":[4000000000000],"data_offsets":[0,16000000000000]}}""");
        var refusal = new InvalidOperationException("wrong shape");
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(
            () => Safetensors.ReadSequential(new MemoryStream(huge), "entry", _ => throw refusal).Count());
        Assert.Same(refusal, refused);

        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Safetensors.ReadSequential(new MemoryStream(huge), "entry").Count());
        Assert.Contains("entry: tensor 'a': expected at most", error.Message);
    }

    [Fact]
    public void Keeps_metadata()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        string path = folder.Write("m.safetensors", Write([("a", tensor(1f))], new Dictionary<string, string> { ["note"] = "é \"quoted\"" }));
        using var checkpoint = Checkpoint.Open(path);
        Assert.Equal("é \"quoted\"", checkpoint.Metadata["note"]);
    }

    [Fact]
    public void Refuses_to_write_what_could_not_be_read()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Assert.Throws<ArgumentException>(() => Write([("a", tensor(1f)), ("a", tensor(2f))]));
        Assert.Throws<ArgumentException>(() => Write([("__metadata__", tensor(1f))]));
        Assert.Throws<ArgumentException>(() => Write([("", tensor(1f))]));
        ArgumentException error = Assert.Throws<ArgumentException>(() => Write([("z", zeros(2, dtype: ScalarType.ComplexFloat32))]));
        Assert.Contains("ComplexFloat32", error.Message);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}""", "expected JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}} x""", "expected JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "tensor 'a': data_offsets [0, 4] do not hold shape [2] of F32")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", "tensor 'a', shape: expected whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", "tensor 'a', shape: expected whole numbers")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}""", "do not hold shape")]
    [InlineData("""{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}""", "found 'F8_E4M3'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "tensor 'a': expected its data at offset 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", "tensor 'a': expected a dtype, a shape and two data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"extra":1}}""", "found 'extra'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[4,4]}}""", "the name 'a' occurs twice")]
    [InlineData("""{"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "once each, found 'dtype'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"shape":[1],"data_offsets":[0,4]}}""", "once each, found 'shape'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8],"data_offsets":[0,4]}}""", "once each, found 'data_offsets'")]
    [InlineData("""{"__metadata__":{"a":"1","a":"2"}}""", "__metadata__, 'a': it occurs twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "expected its data at offset 4")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "expected JSON")]
    [InlineData("""{"__metadata__":{"a":1}}""", "__metadata__, 'a': expected String, found Number")]
    public void Refuses_headers_that_are_wrong_and_says_where(string header, string expected)
    {
        using var folder = new TemporaryFolder();
        string path = folder.Write("bad.safetensors", WithHeader(header));
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path));
        Assert.Contains(expected, error.Message);
        Assert.StartsWith($"{path}: safetensors header:", error.Message);
    }

    [Fact]
    public void Refuses_lengths_beyond_the_file()
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = WithHeader("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""");

        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(folder.Write("short", bytes.AsSpan(0, bytes.Length - 1))));
        Assert.Contains("its tensors take 4 bytes, the file has 3", error.Message);

        BinaryPrimitives.WriteInt64LittleEndian(bytes, 1000);
        error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(folder.Write("long", bytes)));
        Assert.Contains("its length field says 1000 bytes", error.Message);

        BinaryPrimitives.WriteInt64LittleEndian(bytes, 1L << 40);
        error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(folder.Write("huge", bytes)));
        Assert.Contains("found 1099511627776", error.Message);

        BinaryPrimitives.WriteInt64LittleEndian(bytes, 90_000_000);
        long allocated = GC.GetAllocatedBytesForCurrentThread();
        error = Assert.Throws<CheckpointFormatException>(() => Safetensors.ReadSequential(new ForwardOnlyStream(new MemoryStream(bytes)), "entry").Count());
        Assert.Contains("the data ends", error.Message);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - allocated, 0, 1 << 20);
    }

    internal static byte[] Write((string, Tensor)[] tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var stream = new MemoryStream();
        Safetensors.Write(stream, tensors, metadata);
        return stream.ToArray();
    }

    internal static byte[] WithHeader(string header)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + 4];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        return bytes;
    }
}
