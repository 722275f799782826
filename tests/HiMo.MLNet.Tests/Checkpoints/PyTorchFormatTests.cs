using System.IO.Compression;
using System.Text;
using HiMo.MLNet.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Checkpoints;

public sealed class PyTorchFormatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string> Formats => ["zip", "zip64", "TorchScript", "legacy", "safetensors"];

    internal static byte[] Write(string format, (string, Tensor)[] tensors) => format switch
    {
        "zip" => CheckpointWriter.Zip(tensors),
        "zip64" => CheckpointWriter.Zip(tensors, wide: true),
        "TorchScript" => CheckpointWriter.TorchScript(tensors),
        "legacy" => CheckpointWriter.Legacy(tensors),
        _ => SafetensorsTests.Write(tensors),
    };

    [Theory]
    [MemberData(nameof(Formats))]
    public void Reads_a_whole_model_whatever_the_file_is_called(string format)
    {
        using var golden = Checkpoint.Open("Golden/tiny-vit.safetensors");
        (string name, Tensor)[] tensors = golden.Tensors.Keys.Select(name => (name, golden.Read(name))).ToArray();
        using var checkpoint = Checkpoint.Open(_folder.Write("model.anything", Write(format, tensors)));
        AssertHolds(checkpoint, tensors);
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Reads_every_element_type(string format)
    {
        ScalarType[] types =
        [
            ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64,
            ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64,
        ];
        (string, Tensor)[] tensors = types.Select(type => ($"part.{type}", (randn(3, 5) * 9).to(type))).ToArray();
        using var checkpoint = Checkpoint.Open(_folder.Write("types", Write(format, [.. tensors, ("none", zeros(0, 3))])));
        AssertHolds(checkpoint, [.. tensors, ("none", zeros(0, 3))]);
    }

    [Fact]
    public void Reads_pickles_of_Python_of_several_protocols()
    {
        (string, byte[])[] files =
        [
            ("zip 2", PythonPickles.Zip(2)), ("zip 5", PythonPickles.Zip(5)), ("legacy 2", PythonPickles.Legacy(2)), ("legacy 4", PythonPickles.Legacy(4)),
        ];
        foreach ((string? name, byte[]? bytes) in files)
        {
            using var checkpoint = Checkpoint.Open(_folder.Write(name, bytes));
            AssertHolds(
                checkpoint,
                ("matrix", tensor(new float[,] { { 1, 2, 3 }, { 4, 5, 6 } })),
                ("turned", tensor(new float[,] { { 1, 4 }, { 2, 5 }, { 3, 6 } })),
                ("tail", tensor(new float[] { 5, 6 })),
                ("half", tensor(new[] { 0.5f, -0.5f }).to(ScalarType.Float16)),
                ("count", tensor(7L)));
        }
    }

    [Fact]
    public void Reads_an_archive_written_by_libtorch()
    {
        Tensor values = arange(24, dtype: ScalarType.Float16).view(4, 6);
        string path = Path.Combine(_folder.FullPath, "libtorch.pt");
        save(values.t()[1..4], path);
        using var checkpoint = Checkpoint.Open(path);
        AssertHolds(checkpoint, ("0", values.t()[1..4]));
    }

    [Fact]
    public void Reads_the_nested_modules_of_an_archive_that_libtorch_saved_again()
    {
        const string code = """
            class Inner(Module):
              __parameters__ = ["weight", ]
              __buffers__ = ["attn_mask", ]
              weight : Tensor
              attn_mask : Tensor
              training : bool
            class Model(Module):
              __parameters__ = ["logit_scale", ]
              __buffers__ = ["context_length", ]
              logit_scale : Tensor
              context_length : Tensor
              training : bool
              visual : __torch__.Inner
              sizes : List[int]
              name : str

            """;
        PickleWriter pickle = new PickleWriter().Module(
            "Model",
            ("logit_scale", w => w.Tensor("0", "FloatStorage", 1, 0, [], [])),
            ("context_length", w => w.Tensor("1", "LongStorage", 1, 0, [], [])),
            ("training", w => w.Raw(0x88)),
            ("visual", w => w.Module(
                "Inner",
                ("weight", x => x.Tensor("2", "FloatStorage", 6, 0, [3, 2], [1, 3])),
                ("attn_mask", x => x.Tensor("0", "FloatStorage", 1, 0, [1], [1])),
                ("training", x => x.Raw(0x88)))),
            ("sizes", w => w.Global("torch.jit._pickle", "build_intlist").Op(']').Mark().Int(3).Int(4).Op('e').Raw(0x85).Op('R')),
            ("name", w => w.Text("résumé")));
        Tensor weight = tensor(new float[] { 1, 2, 3, 4, 5, 6 });
        string made = _folder.Write("made.pt", ZipWriter.Store(
        [
            ("made/data.pkl", pickle.Stop()), ("made/code/__torch__.py", Encoding.UTF8.GetBytes(code)),
            ("made/constants.pkl", new PickleWriter().Op(')').Stop()), ("made/version", "3\n"u8.ToArray()),
            ("made/data/0", CheckpointWriter.Bytes(tensor(4.5f))), ("made/data/1", CheckpointWriter.Bytes(tensor(77L))),
            ("made/data/2", CheckpointWriter.Bytes(weight)),
        ]));
        string again = Path.Combine(_folder.FullPath, "again.pt");
        using (jit.ScriptModule module = jit.load(made))
        {
            jit.save(module, again);
        }

        foreach (string? path in new[] { made, again })
        {
            using var checkpoint = Checkpoint.Open(path);
            AssertHolds(checkpoint, ("logit_scale", tensor(4.5f)), ("visual.weight", weight.view(2, 3).t()));
        }
    }

    [Theory]
    [InlineData("zip")]
    [InlineData("legacy")]
    public void Reads_strided_offset_and_shared_storages(string format)
    {
        Tensor storage = arange(24, dtype: ScalarType.Float32);
        byte[] pickle = new PickleWriter().Dictionary(
            ("whole", w => w.Tensor("0", "FloatStorage", 24, 0, [2, 3, 4], [12, 4, 1])),
            ("turned", w => w.Tensor("0", "FloatStorage", 24, 0, [4, 3], [1, 4])),
            ("middle", w => w.Tensor("0", "FloatStorage", 24, 5, [2, 2], [4, 1])),
            ("every other", w => w.Tensor("0", "FloatStorage", 24, 1, [5], [2])),
            ("scalar", w => w.Tensor("0", "FloatStorage", 24, 23, [], [])),
            ("one", w => w.Tensor("0", "FloatStorage", 24, 2, [1, 3], [999, 1])),
            ("none", w => w.Tensor("0", "FloatStorage", 24, 0, [0, 3], [3, 1])),
            ("view", w => w.Tensor("0", "FloatStorage", 24, 1, [2], [1], view: (10, 4)))).Stop();
        byte[] bytes = CheckpointWriter.Bytes(storage);
        byte[] file = format == "zip" ? CheckpointWriter.Zip(pickle, [bytes]) : CheckpointWriter.Legacy(pickle, [("0", 24, bytes)]);

        using var checkpoint = Checkpoint.Open(_folder.Write("strided", file));
        AssertHolds(
            checkpoint,
            ("whole", storage.view(2, 3, 4)),
            ("turned", tensor(new float[,] { { 0, 4, 8 }, { 1, 5, 9 }, { 2, 6, 10 }, { 3, 7, 11 } })),
            ("middle", tensor(new float[,] { { 5, 6 }, { 9, 10 } })),
            ("every other", tensor(new float[] { 1, 3, 5, 7, 9 })),
            ("scalar", tensor(23f)),
            ("one", tensor(new float[,] { { 2, 3, 4 } })),
            ("none", zeros(0, 3)),
            ("view", tensor(new float[] { 11, 12 })));
    }

    [Theory]
    [InlineData(25, 0, new long[] { 25 }, new long[] { 1 }, "does not fit")]
    [InlineData(24, 0, new long[] { 25 }, new long[] { 1 }, "does not fit its storage of 96 bytes")]
    [InlineData(24, 1, new long[] { 24 }, new long[] { 1 }, "reaches outside its storage of 24 elements")]
    [InlineData(24, -1, new long[] { 2 }, new long[] { 1 }, "reaches outside its storage")]
    [InlineData(24, 0, new long[] { 2, 2 }, new long[] { 23, 2 }, "reaches outside its storage")]
    [InlineData(24, 0, new long[] { 2, 2 }, new long[] { long.MaxValue, long.MaxValue }, "reaches outside its storage")]
    [InlineData(24, 0, new long[] { 2 }, new long[] { -1 }, "reaches outside its storage")]
    [InlineData(24, 0, new long[] { -2 }, new long[] { 1 }, "does not fit")]
    [InlineData(24, 0, new long[] { 1L << 40 }, new long[] { 0 }, "does not fit")]
    [InlineData(24, 0, new long[] { 1L << 32, 1L << 32, 16 }, new long[] { 0, 0, 0 }, "does not fit")]
    [InlineData(24, 0, new long[] { 2, 2 }, new long[] { 1 }, "expected one stride for each of 2 dimensions")]
    [InlineData(long.MaxValue, 0, new long[] { 2 }, new long[] { 1 }, "does not fit")]
    [InlineData(24, long.MaxValue, new long[] { 0 }, new long[] { 1 }, "reaches outside its storage")]
    public void Refuses_tensors_outside_their_storage(long count, long offset, long[] shape, long[] strides, string expected)
    {
        byte[] pickle = new PickleWriter().Dictionary(("weird", w => w.Tensor("0", "FloatStorage", count, offset, shape, strides))).Stop();
        string error = Refused(CheckpointWriter.Zip(pickle, [new byte[96]]));
        Assert.Contains("tensor 'weird': ", error);
        Assert.Contains(expected, error);
    }

    [Theory]
    [InlineData("state_dict")]
    [InlineData("model")]
    [InlineData("model_state_dict")]
    public void Unwraps_the_dictionaries_of_training_codes_and_skips_what_is_no_tensor(string wrapper)
    {
        byte[] pickle = new PickleWriter().Dictionary(
            ("epoch", w => w.Int(3)),
            ("step", w => w.Tensor("0", "FloatStorage", 2, 1, [], [])),
            ("args", w => w.Dictionary(("lr", x => x.Op('G').Raw(0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a)), ("model", x => x.Text("ViT-B/16")))),
            (wrapper, w => w.Dictionary(
                ("module._orig_mod.visual._orig_mod.proj", x => x.Tensor("0", "FloatStorage", 2, 0, [2], [1])),
                ("module.sizes", x => x.Op(']')),
                ("note", x => x.Text("hello"))))).Stop();
        using var checkpoint = Checkpoint.Open(_folder.Write("training", CheckpointWriter.Zip(pickle, [CheckpointWriter.Bytes(tensor(new[] { 1f, 2 }))])));
        AssertHolds(checkpoint, ("visual.proj", tensor(new[] { 1f, 2 })));
    }

    [Fact]
    public void Refuses_names_that_two_tensors_claim()
    {
        string error = Refused(CheckpointWriter.Zip([("module.a", tensor(1f)), ("a", tensor(2f))]));
        Assert.Contains("tensor 'a': two tensors stand for this one", error);
    }

    [Theory]
    [InlineData("os", "system")]
    [InlineData("builtins", "eval")]
    [InlineData("torch.storage", "_load_from_bytes")]
    [InlineData("torch", "load")]
    [InlineData("__torch__", "Model")]
    [InlineData("numpy.core.multiarray", "_reconstruct")]
    [InlineData("torch.nn.modules.linear", "Linear")]
    [InlineData("System.Diagnostics", "Process")]
    public void Refuses_names_that_could_run_code(string module, string name)
    {
        byte[] pickle = new PickleWriter().Global(module, name).Text("echo").Raw(0x85).Op('R').Stop();
        string expected = $"the name '{module}.{name}' is refused";
        Assert.Contains($"model/data.pkl: pickle instruction Global (0x63) at byte 2: {expected}", Refused(CheckpointWriter.Zip(pickle, [])));
        Assert.Contains(expected, Refused(CheckpointWriter.Legacy(pickle, [])));

        byte[] byStack = new PickleWriter().Raw(0x8c, (byte)module.Length).Raw(Encoding.ASCII.GetBytes(module))
            .Raw(0x8c, (byte)name.Length).Raw(Encoding.ASCII.GetBytes(name)).Raw(0x93).Stop();
        Assert.Contains($"StackGlobal (0x93) at byte {6 + module.Length + name.Length}: the name '{module}.{name}' is refused", Refused(CheckpointWriter.Zip(byStack, [])));
    }

    [Theory]
    [InlineData('i', "Inst (0x69)")]
    [InlineData('o', "Obj (0x6f)")]
    [InlineData('P', "PersId (0x50)")]
    [InlineData('\x82', "Ext1 (0x82)")]
    [InlineData('\x92', "NewObjEx (0x92)")]
    [InlineData('\x97', "NextBuffer (0x97)")]
    [InlineData('\xff', "unknown (0xff)")]
    public void Refuses_instructions_that_state_dicts_do_not_need(char opcode, string expected)
    {
        byte[] pickle = new PickleWriter().Op('N').Raw((byte)opcode).Stop();
        Assert.Contains($"data.pkl: pickle instruction {expected} at byte 3: this instruction is not part of a state dict", Refused(CheckpointWriter.Zip(pickle, [])));
    }

    [Fact]
    public void Refuses_pickles_that_do_not_add_up()
    {
        Expect(new PickleWriter().Stop(), "expected one value on the stack, found 0");
        Expect(new PickleWriter().Op('N').Op('N').Stop(), "expected one value on the stack, found 2");
        Expect(new PickleWriter().Op('0').Stop(), "expected 1 values on the stack, found 0");
        Expect(new PickleWriter().Op('N').Mark().Op('0').Stop(), "expected 1 values on the stack, found 0");
        Expect(new PickleWriter().Op('t').Stop(), "expected a mark");
        Expect(new PickleWriter().Op('h').Raw(9).Stop(), "nothing was stored under number 9");
        Expect(new PickleWriter().Op('X').Raw(0xff, 0xff, 0xff, 0x7f).Stop(), "found 2147483647");
        Expect(new PickleWriter().Op('X').Raw(9, 0, 0, 0).Stop(), "expected 9 more bytes");
        Expect(new PickleWriter().Op('X').Raw(1, 0, 0, 0, 0xff).Stop(), "expected UTF-8 text");
        Expect(new PickleWriter().Op('}').Mark().Text("odd").Op('u').Stop(), "expected pairs of key and value");
        Expect(new PickleWriter().Text("text").Stop(), "expected a state dict, found String");
        Expect(new PickleWriter().Op('N').Stop(), "expected a state dict, found None");
        Expect(new PickleWriter().Dictionary(("a", w => w.Int(1))).Stop(), "found a dictionary of 'a'");
        Expect([], "expected 1 more bytes");
        Expect([0x80, 9], "expected pickle protocol 2 to 5, found 9");

        void Expect(byte[] pickle, string expected) => Assert.Contains(expected, Refused(CheckpointWriter.Zip(pickle, [])));
    }

    [Fact]
    public void Refuses_modules_that_contain_themselves()
    {
        byte[] pickle = new PickleWriter().Global("__torch__", "Model").Op(')').Raw(0x81).Op('q').Raw(0)
            .Dictionary(("again", w => w.Op('h').Raw(0)), ("once more", w => w.Op('h').Raw(0))).Op('b').Stop();
        byte[] file = ZipWriter.Store([("m/data.pkl", pickle), ("m/constants.pkl", new PickleWriter().Op(')').Stop())]);
        Assert.Contains("expected at most 64 modules inside each other", Refused(file));
    }

    [Fact]
    public void Refuses_dictionaries_that_contain_themselves()
    {
        byte[] pickle = new PickleWriter().Op('}').Op('q').Raw(0).Mark()
            .Text("model").Op('h').Raw(0).Text("state_dict").Op('h').Raw(0).Text("net").Op('h').Raw(0).Op('u').Stop();
        Assert.Contains("expected a state dict", Refused(CheckpointWriter.Zip(pickle, [])));
    }

    [Fact]
    public void Reads_a_compressed_pickle_but_no_compressed_tensors_and_no_bombs()
    {
        byte[] pickle = new PickleWriter().Dictionary(("a", w => w.Tensor("0", "FloatStorage", 1, 0, [1], [1]))).Stop();
        using (var checkpoint = Checkpoint.Open(_folder.Write("deflated", Deflate(pickle, CompressionLevel.Optimal, CompressionLevel.NoCompression))))
        {
            AssertHolds(checkpoint, ("a", tensor(new[] { 2f })));
        }

        Assert.Contains("'m/data/0': expected an entry stored as it is", Refused(Deflate(pickle, CompressionLevel.Optimal, CompressionLevel.Optimal)));
        Assert.Contains("expected at most 200 decompressed bytes per byte", Refused(Deflate(new byte[10_000_000], CompressionLevel.Optimal, CompressionLevel.NoCompression)));
        Assert.Contains("expected at most 67108864 bytes", Refused(Deflate(new byte[(64 << 20) + 1], CompressionLevel.Optimal, CompressionLevel.NoCompression)));
    }

    [Fact]
    public void Refuses_archives_that_are_incomplete_or_not_of_PyTorch()
    {
        byte[] good = CheckpointWriter.Zip([("a", ones(2))]);
        byte[] pickle = new PickleWriter().Dictionary(("a", w => w.Tensor("7", "FloatStorage", 1, 0, [1], [1]))).Stop();

        Assert.Contains("the file is incomplete", Refused(good[..^30]));
        Assert.Contains("expected one entry data.pkl at the top or in one folder, found 0", Refused(ZipWriter.Store([("a/b/data.pkl", pickle)])));
        Assert.Contains("found 2", Refused(ZipWriter.Store([("a/data.pkl", pickle), ("b/data.pkl", pickle)])));
        Assert.Contains("'model/data/7': the archive has no such entry", Refused(CheckpointWriter.Zip(pickle, [])));
        Assert.Contains("two entries of this name", Refused(ZipWriter.Store([("data.pkl", pickle), ("data.pkl", pickle)])));
        Assert.Contains("expected 'little', found 'big'", Refused(ZipWriter.Store([("data.pkl", pickle), ("byteorder", "big"u8.ToArray())])));
    }

    [Fact]
    public void Refuses_old_files_that_are_cut_off_or_of_another_byte_order()
    {
        byte[] pickle = new PickleWriter().Dictionary(("a", w => w.Tensor("k", "FloatStorage", 2, 0, [2], [1]))).Stop();
        byte[] good = CheckpointWriter.Legacy(pickle, [("k", 2, new byte[8])]);
        Checkpoint.Open(_folder.Write("good", good)).Dispose();

        Assert.Contains("storage 'k': expected 2 Float32 elements in the 7 bytes", Refused(good[..^1]));
        Assert.Contains("found a count of 3", Refused(CheckpointWriter.Legacy(pickle, [("k", 3, new byte[12])])));
        Assert.Contains("its storage 'k' is not in the file", Refused(CheckpointWriter.Legacy(pickle, [])));
        Assert.Contains("it is listed twice", Refused(CheckpointWriter.Legacy(pickle, [("k", 2, new byte[8]), ("k", 2, new byte[8])])));
        Assert.Contains("expected keys that the pickle refers to", Refused(CheckpointWriter.Legacy(pickle, [("other", 2, new byte[8])])));
        Assert.Contains("little-endian", Refused(CheckpointWriter.Legacy(pickle, [("k", 2, new byte[8])], littleEndian: false)));
    }

    [Fact]
    public void Reports_a_file_that_shrinks_while_it_is_open()
    {
        string path = _folder.Write("shrinking.safetensors", SafetensorsTests.Write([("a", ones(1000))]));
        using var checkpoint = Checkpoint.Open(path);
        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(500);
        }

        int before = _scope.DisposablesCount;
        Assert.Contains("tensor 'a': the file ends at byte 500", Assert.Throws<CheckpointFormatException>(() => checkpoint.Read("a")).Message);
        Assert.Equal(before, _scope.DisposablesCount);
    }

    /// <summary>An archive of a pickle and one storage of four bytes, packed by another program.</summary>
    internal static byte[] Deflate(byte[] pickle, CompressionLevel level, CompressionLevel tensorLevel)
    {
        var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            using (Stream entry = zip.CreateEntry("m/data.pkl", level).Open())
            {
                entry.Write(pickle);
            }

            using (Stream entry = zip.CreateEntry("m/data/0", tensorLevel).Open())
            {
                entry.Write([0, 0, 0, 0x40]);
            }
        }

        return file.ToArray();
    }

    private string Refused(byte[] file)
    {
        string path = _folder.Write("refused", file);
        CheckpointFormatException error = Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path).Dispose());
        Assert.StartsWith(path + ": ", error.Message);
        return error.Message;
    }

    private static void AssertHolds(Checkpoint checkpoint, params (string Name, Tensor Tensor)[] expected)
    {
        Assert.Equal(expected.Select(entry => entry.Name).Order(), checkpoint.Tensors.Keys.Order());
        foreach ((string? name, Tensor? tensor) in expected)
        {
            TensorAssert.SameBits(tensor, checkpoint.Read(name));
        }
    }
}
