using System.Buffers.Binary;
using System.Text;

namespace HiMo.MLNet.Tests.Checkpoints;

/// <summary>Writes pickles the way PyTorch does (protocol 2), and, byte by byte, such as PyTorch never would.</summary>
internal sealed class PickleWriter
{
    private readonly MemoryStream _stream = new();

    internal PickleWriter() => Raw(0x80, 2);

    internal PickleWriter Raw(params ReadOnlySpan<byte> bytes)
    {
        _stream.Write(bytes);
        return this;
    }

    internal PickleWriter Mark() => Raw((byte)'(');

    internal PickleWriter Op(char opcode) => Raw((byte)opcode);

    internal PickleWriter Text(string text)
    {
        Span<byte> length = stackalloc byte[4];
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        return Op('X').Raw(length).Raw(bytes);
    }

    internal PickleWriter Int(long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, value);
        return Raw(0x8a, 8).Raw(bytes);
    }

    internal PickleWriter Global(string module, string name) => Op('c').Raw(Encoding.ASCII.GetBytes($"{module}\n{name}\n"));

    internal PickleWriter Tuple(params ReadOnlySpan<long> values)
    {
        Mark();
        foreach (long value in values)
        {
            Int(value);
        }

        return Op('t');
    }

    internal PickleWriter Storage(string key, string type, long count, (long Offset, long Count)? view = null)
    {
        Mark().Text("storage").Global("torch", type).Text(key).Text("cpu").Int(count);
        if (view is var (offset, length))
        {
            Mark().Text($"{key}-view").Int(offset).Int(length).Op('t');
        }

        return Op('t').Op('Q');
    }

    internal PickleWriter Tensor(string key, string type, long count, long offset, long[] shape, long[] strides, (long Offset, long Count)? view = null) =>
        Global("torch._utils", "_rebuild_tensor_v2").Mark()
            .Storage(key, type, count, view).Int(offset).Tuple(shape).Tuple(strides).Raw(0x89)
            .Global("collections", "OrderedDict").Op(')').Op('R')
            .Op('t').Op('R');

    internal PickleWriter Dictionary(params (string Key, Action<PickleWriter> Value)[] entries)
    {
        Op('}').Mark();
        foreach ((string? key, Action<PickleWriter>? value) in entries)
        {
            Text(key);
            value(this);
        }

        return Op('u');
    }

    /// <summary>An object of a TorchScript class.</summary>
    internal PickleWriter Module(string name, params (string Key, Action<PickleWriter> Value)[] attributes) =>
        Global("__torch__", name).Op(')').Raw(0x81).Dictionary(attributes).Op('b');

    internal byte[] Stop()
    {
        Op('.');
        return _stream.ToArray();
    }
}
