using HiMo.MLNet.Checkpoints;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>
/// CLIP's equations in plain loops and double precision, one image or text at a time, over random weights that have the original's
/// names: a vision transformer of two heads and a text tower of two, with inner widths of their own.
/// </summary>
internal sealed class PlainClip
{
    public const int Dimension = 24, ImageSize = 16, Patch = 8, Vocabulary = 60, Context = 24;

    private readonly Dictionary<string, (long[] Shape, float[] Values)> _weights = [];
    private readonly Random _random = new(7);

    /// <param name="visionWidth">Of two heads.</param>
    /// <param name="textWidth">Of two heads.</param>
    public PlainClip(int visionWidth, int textWidth)
    {
        (VisionWidth, TextWidth) = (visionWidth, textWidth);
        Add("visual.conv1.weight", visionWidth, 3, Patch, Patch);
        Add("visual.class_embedding", visionWidth);
        Add("visual.positional_embedding", (ImageSize / Patch * (ImageSize / Patch)) + 1, visionWidth);
        AddNorm("visual.ln_pre", visionWidth);
        AddBlocks("visual.transformer.resblocks.", visionWidth, VisionMlpWidth, layers: 2);
        AddNorm("visual.ln_post", visionWidth);
        Add("visual.proj", visionWidth, Dimension);
        Add("token_embedding.weight", Vocabulary, textWidth);
        Add("positional_embedding", Context, textWidth);
        Add("positional_embedding_res", Context, textWidth);
        AddBlocks("transformer.resblocks.", textWidth, TextMlpWidth, layers: 1);
        AddNorm("ln_final", textWidth);
        Add("text_projection", textWidth, Dimension);
        Add("logit_scale");
    }

    public int VisionWidth { get; }

    public int TextWidth { get; }

    public int VisionMlpWidth => (3 * VisionWidth) + 8;

    public int TextMlpWidth => (2 * TextWidth) + 6;

    public int VisionHeads { get; init; } = 2;

    public int TextHeads { get; init; } = 2;

    public required Func<double, double> Activation { get; init; }

    public static double QuickGelu(double x) => x / (1 + Math.Exp(-1.702 * x));

    /// <summary>x Φ(x), with erf(z) = 2/√π e^(-z²) Σ 2ⁿ z^(2n+1) / (1 · 3 · … · (2n+1)).</summary>
    public static double Gelu(double x)
    {
        double z = x / Math.Sqrt(2), term = z, sum = z;
        for (int n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
        {
            term *= 2 * z * z / ((2 * n) + 1);
            sum += term;
        }

        return x * (1 + (2 / Math.Sqrt(Math.PI) * Math.Exp(-z * z) * sum)) / 2;
    }

    /// <summary>The weights as a file, without a word beside them.</summary>
    public byte[] File()
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using var stream = new MemoryStream();
        Safetensors.Write(stream, [.. _weights.Select(w => (w.Key, tensor(w.Value.Values, w.Value.Shape)))]);
        return stream.ToArray();
    }

    /// <param name="image">(3, 16, 16)</param>
    public double[] EmbedImage(float[] image)
    {
        var rows = new List<double[]> { Row("visual.class_embedding", 0, VisionWidth) };
        float[] kernel = _weights["visual.conv1.weight"].Values;
        for (int top = 0; top < ImageSize; top += Patch)
        {
            for (int left = 0; left < ImageSize; left += Patch)
            {
                double[] row = new double[VisionWidth];
                for (int i = 0; i < VisionWidth * 3 * Patch * Patch; i++)
                {
                    int x = i % Patch, y = i / Patch % Patch, channel = i / (Patch * Patch) % 3;
                    row[i / (3 * Patch * Patch)] += kernel[i] * image[(((channel * ImageSize) + top + y) * ImageSize) + left + x];
                }

                rows.Add(row);
            }
        }

        double[][] sequence = [.. rows.Select((row, i) =>
            Norm("visual.ln_pre", Sum(row, Row("visual.positional_embedding", i, VisionWidth))))];
        for (int layer = 0; layer < 2; layer++)
        {
            sequence = Block($"visual.transformer.resblocks.{layer}.", sequence, VisionHeads, causal: false);
        }

        return Project("visual.proj", Norm("visual.ln_post", sequence[0]));
    }

    /// <param name="tokens">Ids; the end token is the largest.</param>
    public double[] EmbedText(long[] tokens)
    {
        double[][] sequence = [.. tokens.Select((token, i) => Sum(
            Row("token_embedding.weight", (int)token, TextWidth),
            Row(i < 20 ? "positional_embedding" : "positional_embedding_res", i, TextWidth)))];
        sequence = Block("transformer.resblocks.0.", sequence, TextHeads, causal: true);
        return Project("text_projection", Norm("ln_final", sequence[Array.IndexOf(tokens, tokens.Max())]));
    }

    private double[][] Block(string name, double[][] x, int heads, bool causal)
    {
        double[][] qkv = [.. x.Select(row => Affine(name + "attn.in_proj_weight", name + "attn.in_proj_bias", Norm(name + "ln_1", row)))];
        int width = x[0].Length, head = width / heads;
        double[][] result = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            double[] attended = new double[width];
            for (int first = 0; first < width; first += head)
            {
                int visible = causal ? t + 1 : x.Length;
                double[] shares = [.. Enumerable.Range(0, visible).Select(u =>
                    Math.Exp(Enumerable.Range(first, head).Sum(i => qkv[t][i] * qkv[u][width + i]) / Math.Sqrt(head)))];
                for (int i = first; i < first + head; i++)
                {
                    attended[i] = Enumerable.Range(0, visible).Sum(u => shares[u] * qkv[u][(2 * width) + i]) / shares.Sum();
                }
            }

            double[] y = Sum(x[t], Affine(name + "attn.out_proj.weight", name + "attn.out_proj.bias", attended));
            double[] inner = Affine(name + "mlp.c_fc.weight", name + "mlp.c_fc.bias", Norm(name + "ln_2", y));
            result[t] = Sum(y, Affine(name + "mlp.c_proj.weight", name + "mlp.c_proj.bias", [.. inner.Select(Activation)]));
        }

        return result;
    }

    private double[] Norm(string name, double[] x)
    {
        double mean = x.Average(), variance = x.Average(v => (v - mean) * (v - mean));
        double[] gain = Row(name + ".weight", 0, x.Length), bias = Row(name + ".bias", 0, x.Length);
        return [.. x.Select((v, i) => ((v - mean) / Math.Sqrt(variance + 1e-5) * gain[i]) + bias[i])];
    }

    private double[] Affine(string weight, string bias, double[] x) =>
        [.. _weights[bias].Values.Select((b, row) => b + Row(weight, row, x.Length).Zip(x, (w, v) => w * v).Sum())];

    private double[] Project(string name, double[] x)
    {
        double[] result = new double[Dimension];
        for (int i = 0; i < x.Length; i++)
        {
            result = Sum(result, [.. Row(name, i, Dimension).Select(w => w * x[i])]);
        }

        return result;
    }

    private double[] Row(string name, int row, int width) =>
        [.. _weights[name].Values.AsSpan(row * width, width).ToArray().Select(v => (double)v)];

    private static double[] Sum(double[] x, double[] y) => [.. x.Zip(y, (a, b) => a + b)];

    private void AddBlocks(string name, int width, int inner, int layers)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            string block = $"{name}{layer}.";
            AddNorm(block + "ln_1", width);
            Add(block + "attn.in_proj_weight", 3 * width, width);
            Add(block + "attn.in_proj_bias", 3 * width);
            Add(block + "attn.out_proj.weight", width, width);
            Add(block + "attn.out_proj.bias", width);
            AddNorm(block + "ln_2", width);
            Add(block + "mlp.c_fc.weight", inner, width);
            Add(block + "mlp.c_fc.bias", inner);
            Add(block + "mlp.c_proj.weight", width, inner);
            Add(block + "mlp.c_proj.bias", width);
        }
    }

    private void AddNorm(string name, int width)
    {
        Add(name + ".weight", width);
        Add(name + ".bias", width);
    }

    private void Add(string name, params long[] shape)
    {
        // Large enough that attention and activation make a difference.
        double scale = shape.Length < 2 ? 1 : 1.5 / Math.Sqrt(shape[1..].Aggregate(1L, (a, b) => a * b));
        int count = (int)shape.Aggregate(1L, (a, b) => a * b);
        _weights[name] = (shape, [.. Enumerable.Range(0, count).Select(_ => (float)(scale * ((2 * _random.NextDouble()) - 1)))]);
    }
}
