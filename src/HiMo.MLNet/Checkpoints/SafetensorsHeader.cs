using System.Text.Json;

namespace HiMo.MLNet.Checkpoints;

/// <summary>The JSON at the start of a safetensors file: names, types, shapes and places of its tensors.</summary>
/// <param name="Tensors">The tensors in the order of their data, which follow each other without gaps.</param>
/// <param name="Metadata">The texts of <c>__metadata__</c>.</param>
/// <param name="DataBytes">Bytes of all tensors together.</param>
internal sealed record SafetensorsHeader(
    IReadOnlyList<TensorInfo> Tensors, IReadOnlyDictionary<string, string> Metadata, long DataBytes)
{
    /// <summary>Reads and checks the header.</summary>
    /// <param name="json">The header without its length field.</param>
    /// <param name="source">The file, for errors.</param>
    /// <exception cref="CheckpointFormatException">The header is not valid.</exception>
    internal static SafetensorsHeader Parse(ReadOnlySpan<byte> json, string source)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        try
        {
            return Parse(ref reader, source);
        }
        // GetString reports broken escapes and bad UTF-8 as InvalidOperationException.
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw Error(source, $"expected JSON, found an error at byte {reader.BytesConsumed + 8}: {e.Message}", e);
        }
    }

    private static SafetensorsHeader Parse(ref Utf8JsonReader reader, string source)
    {
        var metadata = new Dictionary<string, string>();
        var names = new HashSet<string>();
        var entries = new List<(TensorInfo Info, long Begin, long End)>();

        ClipLimits limits = ClipLimits.Current;

        Expect(ref reader, JsonTokenType.StartObject, source, "the header");
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            string name = reader.GetString()!;
            if (!names.Add(name))
            {
                throw Error(source, $"the name {name.Quoted()} occurs twice");
            }

            if (name == "__metadata__")
            {
                ReadMetadata(ref reader, metadata, source);
                continue;
            }

            if (entries.Count == limits.Tensors)
            {
                throw Error(source, ClipLimits.AtMost(limits.Tensors, "tensors"));
            }

            if (name.Length == 0 || name.Length > limits.TensorNameLength)
            {
                throw Error(
                    source,
                    $"a name of {name.Length} characters, {name.Quoted()}: expected one or more, and " +
                    ClipLimits.AtMost(limits.TensorNameLength, "characters"));
            }

            entries.Add(ReadEntry(ref reader, name, source));
        }

        if (reader.Read())
        {
            throw Error(source, "expected nothing after the JSON object but spaces");
        }

        entries.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long end = 0;
        foreach ((TensorInfo Info, long Begin, long End) entry in entries)
        {
            if (entry.Begin != end)
            {
                throw Error(
                    source,
                    $"tensor {entry.Info.Name.Quoted()}: expected its data at offset {end}, right after the tensor "
                    + $"before, found {entry.Begin}");
            }

            end = entry.End;
        }

        return new SafetensorsHeader([.. entries.Select(entry => entry.Info)], metadata, end);
    }

    private static (TensorInfo Info, long Begin, long End) ReadEntry(ref Utf8JsonReader reader, string name, string source)
    {
        string place = $"tensor {name.Quoted()}";
        string? dtype = null;
        long[]? shape = null, offsets = null;

        Expect(ref reader, JsonTokenType.StartObject, source, place);
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            switch (reader.GetString())
            {
                case "dtype" when dtype is null:
                    Expect(ref reader, JsonTokenType.String, source, $"{place}, dtype");
                    dtype = reader.GetString();
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(ref reader, source, $"{place}, shape");
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(ref reader, source, $"{place}, data_offsets");
                    break;
                case var other:
                    throw Error(source,
                        $"{place}: expected dtype, shape and data_offsets once each, found {other!.Quoted()}");
            }
        }

        if (dtype is null || shape is null || offsets is not [var begin, var end])
        {
            throw Error(source, $"{place}: expected a dtype, a shape and two data_offsets");
        }

        if (TensorTypes.FromSafetensors(dtype) is not { } type)
        {
            throw Error(source,
                $"{place}: expected a dtype among {TensorTypes.SafetensorsNames}, found {dtype.Quoted()}");
        }

        if (TensorTypes.ByteCount(type, shape) is not { } bytes || begin > end || bytes != end - begin)
        {
            throw Error(source, $"{place}: data_offsets [{begin}, {end}] do not hold shape [{string.Join(", ", shape)}] of {dtype}");
        }

        return (new TensorInfo(name, type, shape, bytes), begin, end);
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata, string source)
    {
        ClipLimits limits = ClipLimits.Current;
        Expect(ref reader, JsonTokenType.StartObject, source, "__metadata__");
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            string key = reader.GetString()!;
            string place = $"__metadata__, {key.Quoted()}";
            Expect(ref reader, JsonTokenType.String, source, place);
            if (!metadata.TryAdd(key, reader.GetString()!))
            {
                throw Error(source, $"{place}: it occurs twice");
            }

            if (metadata.Count > limits.HeaderTexts)
            {
                throw Error(source, $"__metadata__: {ClipLimits.AtMost(limits.HeaderTexts, "texts")}");
            }
        }
    }

    private static long[] ReadNumbers(ref Utf8JsonReader reader, string source, string place)
    {
        ClipLimits limits = ClipLimits.Current;
        var numbers = new List<long>();
        Expect(ref reader, JsonTokenType.StartArray, source, place);
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0)
            {
                throw Error(source, $"{place}: expected whole numbers from 0 on");
            }

            if (numbers.Count == limits.TensorDimensions)
            {
                throw Error(source, $"{place}: {ClipLimits.AtMost(limits.TensorDimensions, "numbers")}");
            }

            numbers.Add(number);
        }

        return [.. numbers];
    }

    private static JsonTokenType Next(ref Utf8JsonReader reader) => reader.Read() ? reader.TokenType : JsonTokenType.None;

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType expected, string source, string place)
    {
        JsonTokenType found = Next(ref reader);
        if (found != expected)
        {
            throw Error(source, $"{place}: expected {expected}, found {found} at byte {reader.TokenStartIndex + 8}");
        }
    }

    private static CheckpointFormatException Error(string source, string problem, Exception? inner = null) =>
        CheckpointFormatException.At(source, "safetensors header", problem, inner);
}
