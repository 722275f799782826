namespace HiMo.MLNet.Onnx;

/// <summary>
/// A CLIP model as two ONNX graphs, named as Hugging Face's exports have them: <c>pixel_values</c> (B, 3, n, n) to <c>image_embeds</c>
/// (B, d), and <c>input_ids</c> (B, T) to <c>text_embeds</c> (B, d), not normalised. Written from the architecture, not traced.
/// </summary>
/// <param name="architecture">The sizes.</param>
/// <param name="weights">The parameters.</param>
/// <param name="precision">Of the weights.</param>
internal sealed class ClipOnnx(ClipArchitecture architecture, WeightSource weights, OnnxPrecision precision)
{
    /// <summary>The image tower.</summary>
    public OnnxGraph Vision()
    {
        var graph = new OnnxGraph("CLIP image tower");
        var layers = new OnnxLayers(graph, weights, precision);
        int size = architecture.ImageSize;
        graph.Input("pixel_values", OnnxType.Float, "batch_size", 3, size, size);
        graph.Output("image_embeds", OnnxType.Float, "batch_size", architecture.EmbeddingDimension);
        string images = layers.FromSingle("pixel_values");
        layers.Output("image_embeds", architecture.IsVisionTransformer
            ? VisionTransformer(graph, layers, images)
            : new OnnxResNet(graph, layers, weights, architecture).Forward(images));
        return graph;
    }

    private string VisionTransformer(OnnxGraph graph, OnnxLayers layers, string images)
    {
        int width = architecture.VisionWidth, patch = architecture.PatchSize!.Value, positions = architecture.ImagePositions;
        string convolved = graph.Add("Conv", [images, layers.Weight("visual.conv1.weight")], ("strides", new long[] { patch, patch }));
        string patches = layers.Transpose(layers.Reshape(convolved, 0, width, -1), 0, 2, 1);   // (B, patches, C)

        // A row of zeros in front, to which the class embedding is added with its position.
        string padded = graph.Add("Pad", [patches, graph.Integers(0, 1, 0, 0, 0, 0), layers.Number(0)]);
        string table = layers.Weight("visual.positions", [positions, width], () =>
        {
            float[] values = weights.Read("visual.positional_embedding"), first = weights.Read("visual.class_embedding");
            for (int i = 0; i < width; i++)
            {
                values[i] += first[i];
            }

            return values;
        });
        string x = layers.LayerNorm(layers.Add(padded, table), "visual.ln_pre");
        string classRow = graph.Integers(0);
        var transformer = new OnnxTransformer(graph, layers, "visual.transformer.resblocks", width, architecture.VisionHeadWidth,
            architecture.Activation);
        string row = transformer.ForwardAt(x, architecture.VisionLayers[0], null,
            value => graph.Add("Gather", [value, classRow], ("axis", 1L)), null);
        return layers.Project(layers.LayerNorm(row, "visual.ln_post"), "visual.proj");
    }

    /// <summary>The text tower. Columns after the batch's last end token are cut: they change nothing.</summary>
    public OnnxGraph Text()
    {
        var graph = new OnnxGraph("CLIP text tower");
        var layers = new OnnxLayers(graph, weights, precision);
        graph.Input("input_ids", OnnxType.Int64, "batch_size", "sequence_length");
        graph.Output("text_embeds", OnnxType.Float, "batch_size", architecture.EmbeddingDimension);
        int width = architecture.TextWidth, context = architecture.ContextLength;

        string end = graph.Add("ArgMax", ["input_ids"], ("axis", 1L), ("keepdims", 1L));   // (B, 1): the end token has the highest id
        // (1): T
        string used = graph.Add("Add", [graph.Add("ReduceMax", [end], ("axes", new long[] { 0 }), ("keepdims", 0L)), graph.Integers(1)]);
        string zero = graph.Integers(0), one = graph.Integers(1);
        string tokens = graph.Add("Slice", ["input_ids", zero, used, one]);   // (B, T)

        string embedded = graph.Add("Gather", [layers.Weight("token_embedding.weight"), tokens], ("axis", 0L));
        string table = layers.Weight("positions", [context, width], Positions);
        string x = layers.Add(embedded, graph.Add("Slice", [table, zero, used, zero]));   // (B, T, C)

        string causal = layers.Weight("causal_mask", [context, context], CausalMask);
        string mask = graph.Add("Slice", [graph.Add("Slice", [causal, zero, used, one]), zero, used, zero]);   // (T, T)
        string rowMask = graph.Add("Unsqueeze", [graph.Add("Gather", [mask, end], ("axis", 0L)), one]);   // (B, 1, 1, T)
        string Row(string value) => graph.Add("Unsqueeze", [graph.Add("GatherND", [value, end], ("batch_dims", 1L)), one]);   // (B, 1, C)

        var transformer = new OnnxTransformer(graph, layers, "transformer.resblocks", width, architecture.TextHeadWidth,
            architecture.Activation);
        string row = transformer.ForwardAt(x, architecture.TextLayers, mask, Row, rowMask);
        layers.Output("text_embeds", layers.Project(layers.LayerNorm(row, "ln_final"), "text_projection"));
        return graph;
    }

    private float[] Positions()
    {
        int kept = Math.Min(Modeling.ClipModel.KeptPositions, architecture.ContextLength) * architecture.TextWidth;
        float[] table = weights.Read("positional_embedding_res");
        weights.Read("positional_embedding").AsSpan(0, kept).CopyTo(table);
        return table;
    }

    private float[] CausalMask()
    {
        int context = architecture.ContextLength;
        float[] mask = new float[context * context];
        for (int row = 0; row < context; row++)
        {
            mask.AsSpan((row * context) + row + 1, context - row - 1).Fill(float.NegativeInfinity);
        }

        return mask;
    }
}
