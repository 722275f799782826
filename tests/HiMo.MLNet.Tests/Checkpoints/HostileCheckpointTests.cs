using System.IO.Pipes;
using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Small files that ask for much: time, memory, or what no tensor can be.</summary>
public sealed class HostileCheckpointTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_list_that_is_gone_through_again_and_again_counts_as_work()
    {
        // OrderedDict(pairs) 2,000 times over one list of 1,100 pairs: 12 kB.
        PickleWriter pickle = new PickleWriter().Global("collections", "OrderedDict").Op('q').Raw(0).Op('0')
            .Text("key").Op('N').Raw(0x86).Op('q').Raw(1).Op('0')
            .Op(']').Op('q').Raw(2).Mark();
        for (int i = 0; i < 1_100; i++)
        {
            pickle.Op('h').Raw(1);
        }

        pickle.Op('e').Op('0');
        for (int i = 0; i < 2_000; i++)
        {
            pickle.Op('h').Raw(0).Op('h').Raw(2).Raw(0x85).Op('R').Op('0');
        }

        Assert.Contains("ClipLimits.Current with another PickleInstructions", Refused(CheckpointWriter.Zip(pickle.Op('}').Stop(), [])));
    }

    [Fact]
    public void A_shape_of_a_million_sizes_is_refused_before_it_is_copied()
    {
        PickleWriter pickle = new PickleWriter().Op('}').Text("a")
            .Global("torch._utils", "_rebuild_tensor_v2").Mark().Storage("0", "FloatStorage", 1).Int(0).Mark();
        for (int i = 0; i < 600_000; i++)
        {
            pickle.Op('K').Raw(1);
        }

        byte[] file = CheckpointWriter.Zip(pickle.Op('t').Op('q').Raw(0).Op('h').Raw(0).Raw(0x89).Op('N').Op('t').Op('R').Op('s').Stop(), [new byte[4]]);

        Assert.Contains("pickle instruction Reduce (0x52)", Refused(file));
    }

    [Fact]
    public void A_module_under_many_names_counts_as_often()
    {
        // 1,500 children are one module of 1,500 attributes.
        PickleWriter pickle = new PickleWriter().Global("__torch__", "Child").Op(')').Raw(0x81).Op('q').Raw(0).Op('}').Mark();
        for (int i = 0; i < 1_500; i++)
        {
            pickle.Text($"{i}").Op('N');
        }

        pickle.Op('u').Op('b').Op('0').Global("__torch__", "Parent").Op(')').Raw(0x81).Op('}').Mark();
        for (int i = 0; i < 1_500; i++)
        {
            pickle.Text($"{i}").Op('h').Raw(0);
        }

        byte[] file = ZipWriter.Store([("m/data.pkl", pickle.Op('u').Op('b').Stop()), ("m/constants.pkl", new PickleWriter().Op(')').Stop())]);

        Assert.Contains("expected at most 2000000 attributes of modules", Refused(file));
    }

    [Fact]
    public void Tensors_that_share_their_bytes_cannot_ask_for_many_times_the_file()
    {
        (string, Action<PickleWriter>)[] tensors =
            [.. Enumerable.Range(0, 20).Select(i => ($"t{i}", (Action<PickleWriter>)(w => w.Tensor("0", "FloatStorage", 4096, 0, [4096], [1]))))];
        byte[] pickle = new PickleWriter().Dictionary(tensors).Stop();

        foreach (byte[] file in new[] { CheckpointWriter.Zip(pickle, [new byte[16_384]]), CheckpointWriter.Legacy(pickle, [("0", 4096, new byte[16_384])]) })
        {
            Assert.Contains("expected at most 8 bytes of tensors per byte of the file", Refused(file));
        }

        // Tied weights are two or three tensors over one storage.
        byte[] tied = new PickleWriter().Dictionary(tensors[..3]).Stop();
        using var checkpoint = Checkpoint.Open(_folder.Write("tied", CheckpointWriter.Zip(tied, [new byte[16_384]])));
        Assert.Equal(3, checkpoint.Tensors.Count);
    }

    [Fact]
    public void Projections_whose_stacked_size_overflows_are_refused()
    {
        string header = string.Join(",", new[] { "q", "k", "v" }.Select(
            p => $$"""
                "vision_model.encoder.layers.0.self_attn.{{p}}_proj.weight":{"dtype":"U8","shape":[4611686018427387904,0],"data_offsets":[0,0]}
                """));

        Assert.Contains("expected projections that can be stacked", Refused(SafetensorsTests.WithHeader($"{{{header}}}")[..^4]));
    }

    [Fact]
    public void A_header_with_a_flood_of_texts_is_refused()
    {
        string texts = string.Join(",", Enumerable.Range(0, 10_001).Select(i => $"\"{i}\":\"\""));

        Assert.Contains(
            "__metadata__: expected at most 10000 texts", Refused(SafetensorsTests.WithHeader($$$"""{"__metadata__":{{{{texts}}}}}""")[..^4]));
    }

    [Fact]
    public void An_archive_of_a_million_entries_is_refused_before_they_are_read()
    {
        byte[] file = ZipWriter.Store([("data.pkl", new PickleWriter().Op('}').Stop())], wide: true);
        // The 64-bit end record: 8 bytes of count on this disk, 8 in all.
        int record = file.AsSpan().LastIndexOf("PK\x06\x06"u8);
        file.AsSpan(record + 24, 16).Clear();
        (file[record + 26], file[record + 34]) = (0x0f, 0x0f);

        Assert.Contains("expected at most 100000 entries", Refused(file));
    }

    [Fact]
    public void A_pipe_is_no_checkpoint()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using var pipe = new AnonymousPipeServerStream(PipeDirection.Out);
        string path = $"/proc/self/fd/{pipe.ClientSafePipeHandle.DangerousGetHandle()}";

        Assert.Contains("found a pipe or a device", Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path)).Message);
    }

    private string Refused(byte[] file)
    {
        string path = _folder.Write("refused", file);
        return Assert.Throws<CheckpointFormatException>(() => Checkpoint.Open(path).Dispose()).Message;
    }
}
