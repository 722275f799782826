namespace HiMo.MLNet.Onnx;

/// <summary>CLIP's pre-norm transformer as ONNX nodes; see Modeling/Transformer.cs. The last block computes only what is read of
/// it.</summary>
/// <param name="graph">Receives the nodes.</param>
/// <param name="layers">Makes them.</param>
/// <param name="prefix">Before the names of the blocks: <c>transformer.resblocks</c>.</param>
/// <param name="width">C</param>
/// <param name="headWidth">The width of an attention head.</param>
/// <param name="activation">Inside the MLPs.</param>
internal sealed class OnnxTransformer(
    OnnxGraph graph, OnnxLayers layers, string prefix, int width, int headWidth, ClipActivation activation)
{
    /// <param name="x">(B, T, C)</param>
    /// <param name="blocks">How many.</param>
    /// <param name="mask">Added to the attention's scores, (T, T); null for none.</param>
    /// <param name="row">Picks the row that is read: (B, T, C) to (B, 1, C).</param>
    /// <param name="rowMask">The mask's rows for those, (B, 1, 1, T); null for none.</param>
    /// <returns>(B, C)</returns>
    public string ForwardAt(string x, int blocks, string? mask, Func<string, string> row, string? rowMask)
    {
        for (int i = 0; i < blocks - 1; i++)
        {
            string name = $"{prefix}.{i}", normed = layers.LayerNorm(x, $"{name}.ln_1");
            string[] qkv = Packed(normed, name, 0, 3);
            x = layers.Add(x, Attend(name, qkv[0], qkv[1], qkv[2], mask));
            x = Mlp(x, name);
        }

        string last = $"{prefix}.{blocks - 1}", all = layers.LayerNorm(x, $"{last}.ln_1");
        string query = Packed(row(all), last, 0, 1)[0];
        string[] kv = Packed(all, last, 1, 2);
        x = layers.Add(row(x), Attend(last, query, kv[0], kv[1], rowMask));
        return layers.Reshape(Mlp(x, last), -1, width);
    }

    // Some of query, key and value, (B, T, C) each; queries come scaled by 1 / √(head width).
    private string[] Packed(string x, string block, int first, int count)
    {
        string packed = layers.Linear(x, $"{block}.attn.in_proj_weight", $"{block}.attn.in_proj_bias", (first * width, count * width),
            1 / MathF.Sqrt(headWidth), first == 0 ? width : 0);
        return count == 1 ? [packed] : graph.Add("Split", [packed, graph.Integers([.. Enumerable.Repeat((long)width, count)])], count,
            ("axis", -1L));
    }

    private string Attend(string block, string query, string key, string value, string? mask)
    {
        string scores = graph.Add("MatMul", [Heads(query, 0, 2, 1, 3), Heads(key, 0, 2, 3, 1)]);   // (B, heads, T, T)
        string weights = graph.Add("Softmax", [mask is null ? scores : layers.Add(scores, mask)], ("axis", -1L));
        string merged = layers.Transpose(graph.Add("MatMul", [weights, Heads(value, 0, 2, 1, 3)]), 0, 2, 1, 3);
        return layers.Linear(layers.Reshape(merged, 0, 0, width), $"{block}.attn.out_proj.weight", $"{block}.attn.out_proj.bias");
    }

    // (B, T, C) to (B, T, heads, head width), transposed
    private string Heads(string x, params long[] axes) => layers.Transpose(layers.Reshape(x, 0, 0, width / headWidth, headWidth), axes);

    private string Mlp(string x, string block)
    {
        string inner = layers.Linear(layers.LayerNorm(x, $"{block}.ln_2"), $"{block}.mlp.c_fc.weight", $"{block}.mlp.c_fc.bias");
        return layers.Add(x, layers.Linear(Activate(inner), $"{block}.mlp.c_proj.weight", $"{block}.mlp.c_proj.bias"));
    }

    // x · σ(1.702 x), or x / 2 · (1 + erf(x / √2))
    private string Activate(string x)
    {
        if (activation == ClipActivation.QuickGelu)
        {
            return graph.Add("Mul", [x, graph.Add("Sigmoid", [graph.Add("Mul", [x, layers.Number(1.702f)])])]);
        }

        string erf = graph.Add("Erf", [graph.Add("Mul", [x, layers.Number(MathF.Sqrt(0.5f))])]);
        return graph.Add("Mul", [graph.Add("Mul", [x, layers.Number(0.5f)]), graph.Add("Add", [erf, layers.Number(1)])]);
    }
}
