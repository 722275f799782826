using System.Runtime.InteropServices;

namespace HiMo.MLNet.Onnx;

/// <summary>The element types of ONNX tensors that CLIP's graphs use, with ONNX's own numbers.</summary>
internal enum OnnxType
{
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    Int64 = 7,
    Float16 = 10,
}

/// <summary>
/// An ONNX graph, built node by node and written as an ONNX model. Field numbers are those of onnx.proto (ModelProto, GraphProto,
/// NodeProto, AttributeProto, TensorProto).
/// </summary>
/// <param name="name">The graph's name.</param>
internal sealed class OnnxGraph(string name)
{
    /// <summary>The first with LayerNormalization.</summary>
    public const int Opset = 17;

    /// <summary>Behind a graph's name: the file with its weights, where they are beyond 2 GiB.</summary>
    public const string DataSuffix = "_data";

    private const int IrVersion = 8;

    // A protobuf message ends at 2 GiB; the graph itself needs little.
    public const long MaxInlineBytes = int.MaxValue - (64L << 20);

    private readonly List<ProtobufWriter> _nodes = [], _inputs = [], _outputs = [], _metadata = [];
    private readonly List<Initializer> _initializers = [];
    private readonly HashSet<string> _initializerNames = [];
    private int _values;

    private sealed record Initializer(string Name, OnnxType Type, long[] Shape, Func<ReadOnlyMemory<byte>> Bytes)
    {
        public long Length => Shape.Aggregate(SizeOf(Type), (product, size) => product * size);

        // Shapes and indices are needed to check the graph, before ONNX Runtime reads other files.
        public bool MayBeOutside => Type != OnnxType.Int64;
    }

    /// <summary>The bytes of all constants.</summary>
    public long WeightBytes => _initializers.Sum(i => i.Length);

    /// <param name="value">The input's name.</param>
    /// <param name="type">Of its elements.</param>
    /// <param name="shape">Sizes, or names of dimensions that are known at run time.</param>
    public void Input(string value, OnnxType type, params object[] shape) => _inputs.Add(Description(value, type, shape));

    /// <inheritdoc cref="Input"/>
    public void Output(string value, OnnxType type, params object[] shape) => _outputs.Add(Description(value, type, shape));

    /// <summary>A property of the model, which every runtime hands out.</summary>
    public void Metadata(string key, string value) => _metadata.Add(new ProtobufWriter().Text(1, key).Text(2, value));

    /// <summary>Adds a node of one output.</summary>
    /// <param name="operation">An operator of the default domain.</param>
    /// <param name="inputs">Names of values.</param>
    /// <param name="attributes">Of type long, float or long[].</param>
    /// <returns>The name of the output.</returns>
    public string Add(string operation, string[] inputs, params (string Name, object Value)[] attributes) =>
        Add(operation, inputs, 1, attributes)[0];

    /// <summary>Adds a node of several outputs.</summary>
    public string[] Add(string operation, string[] inputs, int outputs, params (string Name, object Value)[] attributes)
    {
        string[] names = [.. Enumerable.Range(0, outputs).Select(_ => $"{operation}_{_values++}")];
        Node(operation, inputs, names, attributes);
        return names;
    }

    /// <summary>Adds a node whose output has a given name.</summary>
    public void AddAs(string output, string operation, string[] inputs, params (string Name, object Value)[] attributes) =>
        Node(operation, inputs, [output], attributes);

    /// <summary>A constant of integers; equal ones are one.</summary>
    public string Integers(params long[] values) => Integers(values, [values.Length]);

    /// <summary>A constant integer without a dimension.</summary>
    public string Integer(long value) => Integers([value], []);

    private string Integers(long[] values, long[] shape)
    {
        string constant = $"int_{(shape.Length == 0 ? "scalar_" : "")}{string.Join('_', values)}";
        return Constant(constant, OnnxType.Int64, shape, () => MemoryMarshal.AsBytes(values.AsSpan()).ToArray());
    }

    /// <summary>A constant whose bytes are asked for when the model is written; a second one of the same name is the first.</summary>
    public string Constant(string constant, OnnxType type, long[] shape, Func<ReadOnlyMemory<byte>> bytes)
    {
        if (_initializerNames.Add(constant))
        {
            _initializers.Add(new(constant, type, shape, bytes));
        }

        return constant;
    }

    /// <summary>Writes the model; with weights beyond 2 GiB, they go into a second file beside it, <c>model.onnx_data</c>.</summary>
    public void Save(string path, long maxInlineBytes)
    {
        bool external = WeightBytes > maxInlineBytes;
        string data = path + DataSuffix;
        WholeFile.Write(path, stream =>
        {
            if (external)
            {
                WholeFile.Write(data, weights => Write(stream, weights, Path.GetFileName(data)));
            }
            else
            {
                Write(stream, null, null);
            }
        });
    }

    private void Write(Stream stream, Stream? weights, string? location)
    {
        ProtobufWriter head = new ProtobufWriter().Text(2, name);
        foreach (ProtobufWriter node in _nodes)
        {
            head.Message(1, node);
        }

        ProtobufWriter tail = new();
        _inputs.ForEach(input => tail.Message(11, input));
        _outputs.ForEach(output => tail.Message(12, output));

        // The weights are the bulk: what stands before each is made first, so that the lengths are known and they can be streamed.
        long offset = 0;
        ProtobufWriter[] tensors = [.. _initializers.Select(i => TensorHead(i, location, ref offset))];
        long[] sizes = [.. _initializers.Select((i, n) => tensors[n].Bytes.Length + (location is null || !i.MayBeOutside ? i.Length : 0))];
        ProtobufWriter[] prefixes = [.. sizes.Select(size => new ProtobufWriter().Prefix(5, size))];
        long graph = head.Bytes.Length + tail.Bytes.Length + sizes.Sum() + prefixes.Sum(p => (long)p.Bytes.Length);

        stream.Write(new ProtobufWriter().Number(1, IrVersion).Text(2, "HiMo.MLNet")
            .Message(8, new ProtobufWriter().Text(1, "").Number(2, Opset)).Prefix(7, graph).Bytes);
        stream.Write(head.Bytes);
        for (int i = 0; i < tensors.Length; i++)
        {
            stream.Write(prefixes[i].Bytes);
            stream.Write(tensors[i].Bytes);
            (_initializers[i].MayBeOutside ? weights ?? stream : stream).Write(_initializers[i].Bytes().Span);
        }

        stream.Write(tail.Bytes);
        var properties = new ProtobufWriter();
        _metadata.ForEach(property => properties.Message(14, property));
        stream.Write(properties.Bytes);
    }

    private static ProtobufWriter TensorHead(Initializer initializer, string? location, ref long offset)
    {
        var tensor = new ProtobufWriter();
        foreach (long size in initializer.Shape)
        {
            tensor.Number(1, size);
        }

        tensor.Number(2, (long)initializer.Type).Text(8, initializer.Name);
        if (location is null || !initializer.MayBeOutside)
        {
            return tensor.Prefix(9, initializer.Length);
        }

        foreach ((string key, string value) in (ReadOnlySpan<(string, string)>)[
            ("location", location), ("offset", $"{offset}"), ("length", $"{initializer.Length}")])
        {
            tensor.Message(13, new ProtobufWriter().Text(1, key).Text(2, value));
        }

        offset += initializer.Length;
        return tensor.Number(14, 1);                                          // EXTERNAL
    }

    private void Node(string operation, string[] inputs, string[] outputs, (string Name, object Value)[] attributes)
    {
        var node = new ProtobufWriter();
        foreach (string input in inputs)
        {
            node.Text(1, input);
        }

        foreach (string output in outputs)
        {
            node.Text(2, output);
        }

        node.Text(3, outputs[0]).Text(4, operation);
        foreach ((string attribute, object value) in attributes)
        {
            node.Message(5, Attribute(attribute, value));
        }

        _nodes.Add(node);
    }

    private static ProtobufWriter Attribute(string attribute, object value)
    {
        ProtobufWriter message = new ProtobufWriter().Text(1, attribute);
        switch (value)
        {
            case float number:
                return message.Single(2, number).Number(20, 1);
            case long number:
                return message.Number(3, number).Number(20, 2);
            case long[] numbers:
                foreach (long number in numbers)
                {
                    message.Number(8, number);
                }

                return message.Number(20, 7);
            default:
                throw new ArgumentException($"Attribute '{attribute}': expected a long, a float or a long[]; found {value.GetType()}.",
                    nameof(value));
        }
    }

    private static ProtobufWriter Description(string value, OnnxType type, object[] shape)
    {
        var dimensions = new ProtobufWriter();
        foreach (object size in shape)
        {
            dimensions.Message(1, size is string name ? new ProtobufWriter().Text(2, name)
                : new ProtobufWriter().Number(1, Convert.ToInt64(size)));
        }

        ProtobufWriter tensor = new ProtobufWriter().Number(1, (long)type).Message(2, dimensions);
        return new ProtobufWriter().Text(1, value).Message(2, new ProtobufWriter().Message(1, tensor));
    }

    private static long SizeOf(OnnxType type) => type switch
    {
        OnnxType.Float => 4,
        OnnxType.Float16 => 2,
        OnnxType.Int64 => 8,
        _ => 1,
    };
}
