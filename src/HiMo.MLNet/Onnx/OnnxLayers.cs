using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace HiMo.MLNet.Onnx;

/// <summary>A model's parameters by their names in the state dict.</summary>
/// <param name="Shape">The shape of one.</param>
/// <param name="Read">The numbers of one, row-major, in an array of the caller's own.</param>
internal sealed record WeightSource(Func<string, long[]> Shape, Func<string, float[]> Read);

/// <summary>The layers of CLIP's networks as ONNX nodes, in one precision.</summary>
/// <param name="graph">Receives the nodes.</param>
/// <param name="weights">The parameters; read when the model is written.</param>
/// <param name="precision">Of the weights.</param>
internal sealed class OnnxLayers(OnnxGraph graph, WeightSource weights, OnnxPrecision precision)
{
    private readonly Dictionary<string, (string Values, string Scale, string ZeroPoint)> _quantized = [];

    /// <summary>The type of values between the layers.</summary>
    public OnnxType Type => precision == OnnxPrecision.Float16 ? OnnxType.Float16 : OnnxType.Float;

    /// <summary>A constant made of a parameter.</summary>
    public string Weight(string name, long[] shape, Func<float[]> values) => graph.Constant(name, Type, shape, () => Bytes(values()));

    /// <inheritdoc cref="Weight(string, long[], Func{float[]})"/>
    public string Weight(string name)
    {
        long[] shape = weights.Shape(name);
        return Weight(name, shape, () => weights.Read(name));
    }

    public string Number(float value) => graph.Constant($"number_{value}", Type, [], () => Bytes([value]));

    /// <summary>Brings an input of single precision to the type between the layers.</summary>
    public string FromSingle(string value) => Type == OnnxType.Float ? value : graph.Add("Cast", [value], ("to", (long)Type));

    /// <summary>Makes a value an output of the graph, in single precision.</summary>
    public void Output(string name, string value) => graph.AddAs(name, "Cast", [value], ("to", (long)OnnxType.Float));

    public string Add(string a, string b) => graph.Add("Add", [a, b]);

    public string Reshape(string value, params long[] shape) => graph.Add("Reshape", [value, graph.Integers(shape)]);

    public string Transpose(string value, params long[] axes) => graph.Add("Transpose", [value], ("perm", axes));

    public string LayerNorm(string value, string name) =>
        graph.Add("LayerNormalization", [value, Weight($"{name}.weight"), Weight($"{name}.bias")], ("axis", -1L), ("epsilon", 1e-5f));

    /// <summary>x Wᵀ + b, for some of the rows of W and b, times a factor.</summary>
    /// <param name="value">(…, inputs)</param>
    /// <param name="weight">W, (outputs, inputs).</param>
    /// <param name="bias">b, (outputs).</param>
    /// <param name="rows">The first and the number of the rows; null for all.</param>
    /// <param name="scale">Multiplies the rows before <paramref name="scaledRows"/>.</param>
    /// <param name="scaledRows">How many of the rows are multiplied.</param>
    public string Linear(string value, string weight, string bias, (int Start, int Count)? rows = null, float scale = 1, int scaledRows = 0)
    {
        long[] shape = weights.Shape(weight);
        (int start, int count) = rows ?? (0, (int)shape[0]);
        int inputs = (int)shape[1];
        string suffix = $"{start}_{count}_{scaledRows}";
        float[] Bias()
        {
            float[] b = weights.Read(bias)[start..(start + count)];
            TensorPrimitives.Multiply(b.AsSpan(0, scaledRows), scale, b.AsSpan(0, scaledRows));
            return b;
        }

        string product = MatMul(value, $"{weight}.{suffix}", inputs, count, () =>
        {
            Span<float> all = weights.Read(weight).AsSpan(start * inputs, count * inputs);
            TensorPrimitives.Multiply(all[..(scaledRows * inputs)], scale, all[..(scaledRows * inputs)]);
            return Transposed(all, count, inputs);
        });
        return Add(product, Weight($"{bias}.{suffix}", [count], Bias));
    }

    /// <summary>x W.</summary>
    /// <param name="value">(…, inputs)</param>
    /// <param name="weight">W, (inputs, outputs).</param>
    public string Project(string value, string weight)
    {
        long[] shape = weights.Shape(weight);
        return MatMul(value, weight, (int)shape[0], (int)shape[1], () => weights.Read(weight));
    }

    private string MatMul(string value, string name, int inputs, int outputs, Func<float[]> matrix)
    {
        if (precision != OnnxPrecision.Int8)
        {
            return graph.Add("MatMul", [value, Weight(name, [inputs, outputs], matrix)]);
        }

        if (!_quantized.TryGetValue(value, out (string Values, string Scale, string ZeroPoint) x))
        {
            string[] parts = graph.Add("DynamicQuantizeLinear", [value], 3);
            _quantized[value] = x = (parts[0], parts[1], parts[2]);
        }

        var quantized = new Lazy<(sbyte[] Values, float[] Scales)>(() => Quantize(matrix(), inputs, outputs));
        string w = graph.Constant($"{name}.int8", OnnxType.Int8, [inputs, outputs],
            () => MemoryMarshal.AsBytes(quantized.Value.Values.AsSpan()).ToArray());
        string scales = graph.Constant($"{name}.scale", OnnxType.Float, [outputs], () => Bytes(quantized.Value.Scales));
        string zero = graph.Constant($"{name}.zero", OnnxType.Int8, [outputs], () => new byte[outputs]);
        string product = graph.Add("Cast", [graph.Add("MatMulInteger", [x.Values, w, x.ZeroPoint, zero])], ("to", (long)OnnxType.Float));
        return graph.Add("Mul", [product, graph.Add("Mul", [x.Scale, scales])]);
    }

    // Symmetric, a scale for every output. Seven bits: on CPUs without VNNI pairs of 8 × 8 bit products would saturate at 16.
    private static (sbyte[] Values, float[] Scales) Quantize(float[] matrix, int inputs, int outputs)
    {
        const int largest = 63;
        float[] scales = new float[outputs];
        for (int i = 0; i < inputs; i++)
        {
            for (int o = 0; o < outputs; o++)
            {
                scales[o] = Math.Max(scales[o], Math.Abs(matrix[(i * outputs) + o]) / largest);
            }
        }

        sbyte[] values = new sbyte[matrix.Length];
        for (int i = 0; i < matrix.Length; i++)
        {
            float scale = scales[i % outputs];
            values[i] = scale > 0 ? (sbyte)Math.Round(matrix[i] / scale) : (sbyte)0;
        }

        return (values, scales);
    }

    /// <summary>(outputs, inputs) to (inputs, outputs).</summary>
    private static float[] Transposed(ReadOnlySpan<float> matrix, int rows, int columns)
    {
        float[] transposed = new float[matrix.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                transposed[(column * rows) + row] = matrix[(row * columns) + column];
            }
        }

        return transposed;
    }

    private ReadOnlyMemory<byte> Bytes(float[] values)
    {
        if (Type == OnnxType.Float)
        {
            return MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
        }

        var halves = new Half[values.Length];
        TensorPrimitives.ConvertToHalf(values, halves);
        return MemoryMarshal.AsBytes(halves.AsSpan()).ToArray();
    }
}
