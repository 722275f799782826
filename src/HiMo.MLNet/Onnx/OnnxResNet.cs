namespace HiMo.MLNet.Onnx;

/// <summary>CLIP's modified ResNet as ONNX nodes; see Modeling/ModifiedResNet.cs. Batch norms are folded into the convolutions before
/// them.</summary>
internal sealed class OnnxResNet(OnnxGraph graph, OnnxLayers layers, WeightSource weights, ClipArchitecture architecture)
{
    private const float Epsilon = 1e-5f;

    /// <param name="images">(B, 3, n, n)</param>
    /// <returns>(B, d)</returns>
    public string Forward(string images)
    {
        string x = Relu(Convolve(images, "visual.conv1", "visual.bn1", padding: 1, stride: 2));
        x = Relu(Convolve(x, "visual.conv2", "visual.bn2", padding: 1));
        x = Relu(Convolve(x, "visual.conv3", "visual.bn3", padding: 1));
        x = AveragePool(x, 2);
        for (int stage = 0; stage < architecture.VisionLayers.Count; stage++)
        {
            for (int block = 0; block < architecture.VisionLayers[stage]; block++)
            {
                x = Bottleneck(x, $"visual.layer{stage + 1}.{block}", stage > 0 && block == 0 ? 2 : 1, hasShortcut: block == 0);
            }
        }

        return AttentionPool(x);
    }

    private string Bottleneck(string x, string name, int stride, bool hasShortcut)
    {
        string y = Relu(Convolve(x, $"{name}.conv1", $"{name}.bn1"));
        y = Relu(Convolve(y, $"{name}.conv2", $"{name}.bn2", padding: 1));
        y = Convolve(AveragePool(y, stride), $"{name}.conv3", $"{name}.bn3");
        string shortcut = hasShortcut ? Convolve(AveragePool(x, stride), $"{name}.downsample.0", $"{name}.downsample.1") : x;
        return Relu(layers.Add(y, shortcut));
    }

    private string Convolve(string x, string convolution, string norm, long padding = 0, long stride = 1)
    {
        long[] shape = weights.Shape($"{convolution}.weight");
        float[] gain = [.. weights.Read($"{norm}.weight").Zip(weights.Read($"{norm}.running_var"), (w, v) => w / MathF.Sqrt(v + Epsilon))];
        string weight = layers.Weight($"{convolution}.weight", shape, () =>
        {
            float[] values = weights.Read($"{convolution}.weight");
            int each = values.Length / gain.Length;
            for (int i = 0; i < values.Length; i++)
            {
                values[i] *= gain[i / each];
            }

            return values;
        });
        string bias = layers.Weight($"{convolution}.bias", [gain.Length], () =>
        {
            float[] mean = weights.Read($"{norm}.running_mean"), shift = weights.Read($"{norm}.bias");
            return [.. shift.Select((b, i) => b - (mean[i] * gain[i]))];
        });
        return graph.Add("Conv", [x, weight, bias], ("pads", new long[] { padding, padding, padding, padding }),
            ("strides", new long[] { stride, stride }));
    }

    private string Relu(string x) => graph.Add("Relu", [x]);

    private string AveragePool(string x, long stride) => stride == 1 ? x
        : graph.Add("AveragePool", [x], ("kernel_shape", new long[] { stride, stride }), ("strides", new long[] { stride, stride }));

    // One query, the mean over the positions, attends to them all.
    private string AttentionPool(string x)
    {
        int width = architecture.ResNetWidth, headWidth = architecture.VisionHeadWidth;
        x = layers.Transpose(layers.Reshape(x, 0, width, -1), 0, 2, 1);       // (B, hw, C)
        string mean = graph.Add("ReduceMean", [x], ("axes", new long[] { 1 }), ("keepdims", 1L));
        x = layers.Add(graph.Add("Concat", [mean, x], ("axis", 1L)), layers.Weight("visual.attnpool.positional_embedding"));
        string first = graph.Add("Gather", [x, graph.Integers(0)], ("axis", 1L));
        string Heads(string value, params long[] axes) => layers.Transpose(layers.Reshape(value, 0, 0, width / headWidth, headWidth), axes);
        string Part(string value, string name, float scale) =>
            layers.Linear(value, $"visual.attnpool.{name}.weight", $"visual.attnpool.{name}.bias", null, scale, scale == 1 ? 0 : width);
        string query = Heads(Part(first, "q_proj", 1 / MathF.Sqrt(headWidth)), 0, 2, 1, 3);
        string key = Heads(Part(x, "k_proj", 1), 0, 2, 3, 1), value = Heads(Part(x, "v_proj", 1), 0, 2, 1, 3);
        // (B, heads, 1, 64)
        string attended = graph.Add("MatMul", [graph.Add("Softmax", [graph.Add("MatMul", [query, key])], ("axis", -1L)), value]);
        return Part(layers.Reshape(attended, 0, width), "c_proj", 1);         // (B, d)
    }
}
