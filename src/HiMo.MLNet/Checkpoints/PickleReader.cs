using System.Numerics;
using System.Text;
using static System.Buffers.Binary.BinaryPrimitives;

namespace HiMo.MLNet.Checkpoints;

/// <summary>
/// Reads the pickles inside PyTorch files: data only. Nothing is executed and no name becomes a .NET type; the few
/// names that state dicts need have a fixed meaning here, every other one is refused, and so is every instruction
/// that state dicts do not need.
/// </summary>
/// <remarks>
/// Values: null, <see cref="bool"/>, <see cref="long"/>, <see cref="BigInteger"/>, <see cref="double"/>,
/// <see cref="string"/>, <c>object?[]</c> (tuple), <c>List&lt;object?&gt;</c>, <c>Dictionary&lt;string, object?&gt;</c>
/// (entries with other keys are dropped), <see cref="PickleTensor"/>, <see cref="PickleModule"/> and the other pickle types.
/// </remarks>
/// <param name="stream">The bytes, from the first pickle on.</param>
/// <param name="length">How many bytes there are at most.</param>
/// <param name="file">The file, for errors.</param>
/// <param name="place">The part of the file, for errors.</param>
/// <param name="torchScript">Whether <c>__torch__</c> classes are expected.</param>
internal sealed class PickleReader(Stream stream, long length, string file, string place, bool torchScript = false)
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ClipLimits _limits = ClipLimits.Current;

    private readonly byte[] _buffer = new byte[16 << 10];
    private int _bufferStart;
    private int _bufferEnd;
    private long _instructions;
    private long _instructionAt;
    private PickleOpcode _opcode;

    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<uint, object?> _memo = [];

    /// <summary>Bytes used so far; after <see cref="Read"/>, the position right behind the pickle.</summary>
    internal long Position { get; private set; }

    /// <summary>Every storage that was referred to, by key.</summary>
    internal Dictionary<string, PickleStorage> Storages { get; } = [];

    /// <summary>Reads one pickle, up to its STOP.</summary>
    /// <exception cref="CheckpointFormatException">The pickle is damaged or refused.</exception>
    internal object? Read()
    {
        _stack.Clear();
        _marks.Clear();
        _memo.Clear();
        while (true)
        {
            _instructionAt = Position;
            _opcode = (PickleOpcode)ReadByte();
            Count(1);
            if (_opcode == PickleOpcode.Stop)
            {
                return _stack.Count == 1 && _marks.Count == 0
                    ? _stack[0]
                    : throw Error($"expected one value on the stack, found {_stack.Count} and {_marks.Count} marks");
            }

            Execute();
        }
    }

    /// <summary>Counts work, so that it stays in proportion to the limit: one instruction may go through a list made by many.</summary>
    private void Count(int instructions)
    {
        _instructions += instructions;
        if (_instructions > _limits.PickleInstructions)
        {
            throw Error(ClipLimits.AtMost(_limits.PickleInstructions, "instructions"));
        }
    }

    // What changes the stack, the marks or the memo; every other instruction pushes a value.
    private void Execute()
    {
        switch (_opcode)
        {
            case PickleOpcode.Proto:
                byte protocol = ReadByte();
                if (protocol is < 2 or > 5)
                {
                    throw Error($"expected pickle protocol 2 to 5, found {protocol}");
                }

                break;
            case PickleOpcode.Frame:
                ReadSpan(8);
                break;
            case PickleOpcode.Mark:
                _marks.Add(_stack.Count);
                break;
            case PickleOpcode.Pop:
                Pop();
                break;
            case PickleOpcode.PopMark:
                PopToMark();
                break;
            case PickleOpcode.Append:
                object? item = Pop();
                Peek<List<object?>>("a list").Add(item);
                break;
            case PickleOpcode.Appends:
                object?[] items = PopToMark();
                Peek<List<object?>>("a list").AddRange(items);
                break;
            case PickleOpcode.SetItem:
                SetItems(PopMany(2));
                break;
            case PickleOpcode.SetItems:
                SetItems(PopToMark());
                break;
            case PickleOpcode.BinPut:
                _memo[ReadByte()] = Peek<object?>("a value");
                break;
            case PickleOpcode.LongBinPut:
                _memo[ReadUInt32LittleEndian(ReadSpan(4))] = Peek<object?>("a value");
                break;
            case PickleOpcode.Memoize:
                _memo[(uint)_memo.Count] = Peek<object?>("a value");
                break;
            case PickleOpcode.Build:
                Build(Pop());
                break;
            default:
                _stack.Add(Value());
                break;
        }
    }

    private object? Value() => _opcode switch
    {
        PickleOpcode.None => null,
        PickleOpcode.NewTrue => true,
        PickleOpcode.NewFalse => false,
        PickleOpcode.BinInt => (long)ReadInt32LittleEndian(ReadSpan(4)),
        PickleOpcode.BinInt1 => (long)ReadByte(),
        PickleOpcode.BinInt2 => (long)ReadUInt16LittleEndian(ReadSpan(2)),
        PickleOpcode.Long1 => Whole(new BigInteger(ReadSpan(ReadByte()))),
        PickleOpcode.BinFloat => ReadDoubleBigEndian(ReadSpan(8)),
        PickleOpcode.ShortBinString or PickleOpcode.ShortBinUnicode => ReadText(ReadByte()),
        PickleOpcode.BinString or PickleOpcode.BinUnicode => ReadText(ReadUInt32LittleEndian(ReadSpan(4))),
        PickleOpcode.BinUnicode8 => ReadText(ReadUInt64LittleEndian(ReadSpan(8))),
        PickleOpcode.EmptyTuple => Array.Empty<object?>(),
        PickleOpcode.Tuple1 => PopMany(1),
        PickleOpcode.Tuple2 => PopMany(2),
        PickleOpcode.Tuple3 => PopMany(3),
        PickleOpcode.Tuple => PopToMark(),
        PickleOpcode.EmptyList => new List<object?>(),
        PickleOpcode.EmptyDict => new Dictionary<string, object?>(),
        PickleOpcode.BinGet => Memo(ReadByte()),
        PickleOpcode.LongBinGet => Memo(ReadUInt32LittleEndian(ReadSpan(4))),
        PickleOpcode.Global => Resolve(ReadLine(), ReadLine()),
        PickleOpcode.StackGlobal => Resolve(name: Pop<string>("a name"), module: Pop<string>("a module's name")),
        PickleOpcode.BinPersId => MakeStorage(Pop<object?[]>("a storage's description")),
        PickleOpcode.Reduce => Call(Pop<object?[]>("a tuple of arguments"), Pop<PickleGlobal>("a name to call")),
        PickleOpcode.NewObj => New(Pop<object?[]>("a tuple of arguments"), Pop<PickleGlobal>("a class")),
        _ => throw Error("this instruction is not part of a state dict and is refused"),
    };

    private static object Whole(BigInteger number) =>
        number >= long.MinValue && number <= long.MaxValue ? (long)number : (object)number;

    private PickleModule New(object?[] arguments, PickleGlobal type) => type.Kind == PickleGlobalKind.Module && arguments.Length == 0
        ? new PickleModule()
        : throw Error($"objects of {type.Name} are not part of a state dict");

    private PickleGlobal Resolve(string module, string name)
    {
        string full = $"{module}.{name}";
        if (module is "torch" or "torch.cuda")
        {
            if (TensorTypes.FromStorage(name) is { } type)
            {
                return new PickleGlobal(full, PickleGlobalKind.Storage, type);
            }

            if (name is "device" or "Size" or "float32" or "float64" or "float16" or "bfloat16" or "int64" or "int32" or "uint8" or "bool")
            {
                return new PickleGlobal(full, PickleGlobalKind.Inert);
            }
        }

        if (torchScript && (module == "__torch__" || module.StartsWith("__torch__.", StringComparison.Ordinal)))
        {
            return new PickleGlobal(full, PickleGlobalKind.Module);
        }

        return (module, name) switch
        {
            ("collections", "OrderedDict" or "Counter") => new PickleGlobal(full, PickleGlobalKind.Dictionary),
            ("torch._utils", "_rebuild_tensor" or "_rebuild_tensor_v2") => new PickleGlobal(full, PickleGlobalKind.RebuildTensor),
            ("torch._utils", "_rebuild_parameter" or "_rebuild_parameter_with_state") or
            ("torch.jit._pickle", "build_intlist" or "build_doublelist" or "build_boollist" or "build_tensorlist" or "restore_type_tag")
                => new PickleGlobal(full, PickleGlobalKind.FirstArgument),
            _ => throw Error(
                $"the name {full.Quoted()} is refused: a state dict needs only tensors and plain containers. " +
                "If the file is trusted, save its state_dict() alone and load that"),
        };
    }

    private object? Call(object?[] arguments, PickleGlobal function) => (function.Kind, arguments) switch
    {
        (PickleGlobalKind.Dictionary, []) => new Dictionary<string, object?>(),
        (PickleGlobalKind.Dictionary, [List<object?> pairs]) => MakeDictionary(pairs),
        (PickleGlobalKind.Dictionary, [Dictionary<string, object?> counts]) => counts,
        (PickleGlobalKind.RebuildTensor, [PickleStorage storage, long offset, object?[] shape, object?[] strides, ..])
            => new PickleTensor(storage, offset, Numbers(shape), Numbers(strides)),
        (PickleGlobalKind.FirstArgument, [var first, ..]) => first,
        (PickleGlobalKind.Inert, _) => arguments,
        _ => throw Error($"{function.Name} got {arguments.Length} arguments of unexpected kinds"),
    };

    private Dictionary<string, object?> MakeDictionary(List<object?> pairs)
    {
        Count(pairs.Count);
        var dictionary = new Dictionary<string, object?>();
        foreach (object? pair in pairs)
        {
            (object? key, object? value) = pair switch
            {
                object?[] and [var k, var v] => (k, v),
                List<object?> and [var k, var v] => (k, v),
                _ => throw Error("expected pairs of key and value"),
            };
            if (key is string text)
            {
                dictionary[text] = value;
            }
        }

        return dictionary;
    }

    /// <summary>('storage', class, key, device, count) and, in old files, (key of the view, offset, count) or None.</summary>
    private PickleStorage MakeStorage(object?[] id)
    {
        if (id is not ["storage", PickleGlobal { Kind: PickleGlobalKind.Storage } type, string key, _, long count, ..] || count < 0)
        {
            throw Error("expected ('storage', class, key, device, count)");
        }

        (long viewOffset, long viewCount) = id.Length > 5 && id[5] is object?[] view
            ? view is [_, long start, long length] ? (start, length) : throw Error("expected a view as (key, offset, count)")
            : (0, count);
        if (viewOffset < 0 || viewCount < 0 || viewOffset > count || viewCount > count - viewOffset)
        {
            throw Error($"a view of {viewCount} elements from {viewOffset} on does not fit its storage of {count}");
        }

        var storage = new PickleStorage(key, type.StorageType, count, viewOffset, viewCount);
        if (Storages.TryGetValue(key, out PickleStorage? known) && (known.Type, known.Count) != (storage.Type, storage.Count))
        {
            throw Error($"storage {key.Quoted()} is described in two ways");
        }

        Storages[key] = storage;
        return storage;
    }

    private void Build(object? state)
    {
        switch (Peek<object?>("an object"))
        {
            case PickleModule module when state is Dictionary<string, object?> attributes:
                module.Attributes = attributes;
                break;

            // A state dict carries its modules' versions as an attribute; parameters may carry hooks.
            case Dictionary<string, object?> or PickleTensor:
                break;
            case var other:
                throw Error($"{other?.GetType().Name ?? "None"} takes no state");
        }
    }

    private void SetItems(object?[] items)
    {
        Dictionary<string, object?> dictionary = Peek<Dictionary<string, object?>>("a dictionary");
        if (items.Length % 2 != 0)
        {
            throw Error($"expected pairs of key and value, found {items.Length} items");
        }

        for (int i = 0; i < items.Length; i += 2)
        {
            if (items[i] is string key)
            {
                dictionary[key] = items[i + 1];
            }
        }
    }

    private long[] Numbers(object?[] tuple) => tuple.Length <= _limits.TensorDimensions
        ? Array.ConvertAll(tuple, item => item is long number ? number : throw Error("expected a tuple of whole numbers"))
        : throw Error($"{ClipLimits.AtMost(_limits.TensorDimensions, "dimensions")}, found {tuple.Length}");

    private object? Pop()
    {
        RequireValues(1);
        object? value = _stack[^1];
        _stack.RemoveAt(_stack.Count - 1);
        return value;
    }

    private T Pop<T>(string expected) =>
        Pop() is T value ? value : throw Error($"expected {expected} on the stack");

    private T Peek<T>(string expected)
    {
        RequireValues(1);
        return _stack[^1] switch
        {
            T value => value,
            null when default(T) is null && typeof(T) == typeof(object) => default!,
            _ => throw Error($"expected {expected} on the stack"),
        };
    }

    private object?[] PopMany(int count)
    {
        RequireValues(count);
        return PopFrom(_stack.Count - count);
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw Error("expected a mark on the stack");
        }

        int start = _marks[^1];
        _marks.RemoveAt(_marks.Count - 1);
        return PopFrom(start);
    }

    private object?[] PopFrom(int start)
    {
        object?[] values = _stack.GetRange(start, _stack.Count - start).ToArray();
        _stack.RemoveRange(start, values.Length);
        return values;
    }

    /// <summary>Values below the last mark are out of reach, so that a mark never points past the stack.</summary>
    private void RequireValues(int count)
    {
        int available = _stack.Count - (_marks.Count == 0 ? 0 : _marks[^1]);
        if (available < count)
        {
            throw Error($"expected {count} values on the stack, found {available}");
        }
    }

    private object? Memo(uint index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw Error($"nothing was stored under number {index}");

    private string ReadText(ulong length)
    {
        if (length > (ulong)_limits.PickleTextBytes)
        {
            throw Error($"{ClipLimits.AtMost(_limits.PickleTextBytes, "bytes of text")}, found {length}");
        }

        try
        {
            return Utf8.GetString(ReadSpan((int)length));
        }
        catch (DecoderFallbackException e)
        {
            throw Error("expected UTF-8 text", e);
        }
    }

    private string ReadLine()
    {
        const int longest = 512;
        var line = new StringBuilder();
        for (byte next = ReadByte(); next != '\n'; next = ReadByte())
        {
            if (next is < 0x20 or > 0x7e || line.Length == longest)
            {
                throw Error($"expected a name of at most {longest} printable characters");
            }

            line.Append((char)next);
        }

        return line.ToString();
    }

    private byte ReadByte() => ReadSpan(1)[0];

    /// <summary>The next bytes; valid until the next read.</summary>
    private ReadOnlySpan<byte> ReadSpan(int count)
    {
        if (count > length - Position)
        {
            throw Error($"expected {count} more bytes, found the end after {length - Position}");
        }

        Position += count;
        if (count > _buffer.Length)
        {
            byte[] large = new byte[count];
            int buffered = Math.Min(count, _bufferEnd - _bufferStart);
            _buffer.AsSpan(_bufferStart, buffered).CopyTo(large);
            _bufferStart += buffered;
            if (stream.ReadAtLeast(large.AsSpan(buffered), count - buffered, throwOnEndOfStream: false) < count - buffered)
            {
                throw Error("found the end of the data");
            }

            return large;
        }

        if (count > _bufferEnd - _bufferStart)
        {
            _buffer.AsSpan(_bufferStart, _bufferEnd - _bufferStart).CopyTo(_buffer);
            _bufferEnd -= _bufferStart;
            _bufferStart = 0;
            _bufferEnd += stream.ReadAtLeast(_buffer.AsSpan(_bufferEnd), count - _bufferEnd, throwOnEndOfStream: false);
            if (_bufferEnd < count)
            {
                throw Error("found the end of the data");
            }
        }

        Span<byte> span = _buffer.AsSpan(_bufferStart, count);
        _bufferStart += count;
        return span;
    }

    private CheckpointFormatException Error(string problem, Exception? inner = null)
    {
        string name = Enum.IsDefined(_opcode) ? _opcode.ToString() : "unknown";
        return CheckpointFormatException.At(
            file, place, $"pickle instruction {name} (0x{(byte)_opcode:x2}) at byte {_instructionAt}: {problem}", inner);
    }
}
