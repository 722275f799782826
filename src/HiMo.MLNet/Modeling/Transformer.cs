using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// CLIP's pre-norm transformer, shared by the text tower (causal) and the vision transformer.
/// Field names are those of the original state dict.
/// </summary>
internal sealed class Transformer : Module<Tensor, Tensor>
{
    private readonly ModuleList<ResidualAttentionBlock> resblocks;

    public Transformer(BlockSizes sizes, int layers, bool causal) : base(nameof(Transformer))
    {
        resblocks = ModuleList(Enumerable.Range(0, layers).Select(_ => new ResidualAttentionBlock(sizes, causal)).ToArray());
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)                                  // (B, T, C)
    {
        using DisposeScope scope = NewDisposeScope();
        return Run(x, resblocks.Count, scope).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The output at one position a row. The last block computes nothing else: the rest of its output is never read.
    /// </summary>
    /// <param name="x">(B, T, C)</param>
    /// <param name="position">(B), the position read in each row.</param>
    /// <returns>(B, C)</returns>
    public Tensor ForwardAt(Tensor x, Tensor position)
    {
        using DisposeScope scope = NewDisposeScope();
        return resblocks[^1].ForwardAt(Run(x, resblocks.Count - 1, scope), position).MoveToOuterDisposeScope();
    }

    // Of what the blocks make, only the last one's output is left in the scope; a graph of gradients holds what it needs itself.
    private Tensor Run(Tensor x, int blocks, DisposeScope scope)
    {
        for (int i = 0; i < blocks; i++)
        {
            x = resblocks[i].forward(x);
            scope.DisposeEverythingBut(x);
        }

        return x;
    }

    /// <summary>CLIP's initialisation: residual branches shrink with depth.</summary>
    public void Initialize(int width, int layers, Generator generator)
    {
        double attention = Math.Pow(width, -0.5), projection = attention * Math.Pow(2 * layers, -0.5), mlp = Math.Pow(2 * width, -0.5);
        foreach (ResidualAttentionBlock block in resblocks)
        {
            block.Initialize(attention, projection, mlp, generator);
        }
    }
}

/// <summary>x + attention(ln_1(x)), then x + mlp(ln_2(x)).</summary>
internal sealed class ResidualAttentionBlock : Module<Tensor, Tensor>
{
    private readonly LayerNorm ln_1, ln_2;
    private readonly MultiHeadSelfAttention attn;
    private readonly Mlp mlp;

    public ResidualAttentionBlock(BlockSizes sizes, bool causal) : base(nameof(ResidualAttentionBlock))
    {
        ln_1 = new LayerNorm(sizes.Width);
        attn = new MultiHeadSelfAttention(sizes.Width, sizes.HeadWidth, causal);
        ln_2 = new LayerNorm(sizes.Width);
        mlp = new Mlp(sizes);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)                                  // (B, T, C)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y = Residual(x, attn.forward(ln_1.forward(x)));
        return Residual(y, mlp.forward(ln_2.forward(y))).MoveToOuterDisposeScope();
    }

    public Tensor ForwardAt(Tensor x, Tensor position)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor index = position.view(-1, 1, 1).expand(-1, 1, x.shape[2]);     // (B, 1, C)
        Tensor row = Residual(x.gather(1, index), attn.ForwardAt(ln_1.forward(x), position));
        return Residual(row, mlp.forward(ln_2.forward(row))).squeeze(1).MoveToOuterDisposeScope();   // (B, C)
    }

    // x + branch: in the branch's own memory, which nothing else reads, where no gradients are recorded.
    private static Tensor Residual(Tensor x, Tensor branch) =>
        is_grad_enabled() || branch.dtype != x.dtype ? x.Plus(branch) : Arithmetic.Add(branch, x);

    public void Initialize(double attention, double projection, double mlpStd, Generator generator)
    {
        attn.Initialize(attention, projection, generator);
        mlp.Initialize(mlpStd, projection, generator);
    }
}

/// <summary>Self-attention with packed query, key and value weights.</summary>
internal sealed class MultiHeadSelfAttention : Module<Tensor, Tensor>
{
    private readonly Parameter in_proj_weight, in_proj_bias;
    private readonly Linear out_proj;
    private readonly int _headWidth;
    private readonly bool _causal;

    public MultiHeadSelfAttention(int width, int headWidth, bool causal) : base(nameof(MultiHeadSelfAttention))
    {
        in_proj_weight = Layers.Weight(3 * width, width);
        in_proj_bias = Layers.Zeros(3 * width);
        out_proj = new Linear(width, width);
        _headWidth = headWidth;
        _causal = causal;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)                                  // (B, T, C)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] qkv = Heads(MixedPrecision.Linear(x, in_proj_weight, in_proj_bias), 3);
        return Merge(functional.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], is_casual: _causal)).MoveToOuterDisposeScope();
    }

    /// <summary>Attention of one query a row, over all positions (or, causal, over those up to it).</summary>
    /// <returns>(B, 1, C)</returns>
    public Tensor ForwardAt(Tensor x, Tensor position)
    {
        using DisposeScope scope = NewDisposeScope();
        long width = x.shape[2];
        Tensor row = x.gather(1, position.view(-1, 1, 1).expand(-1, 1, width));
        Tensor q = Heads(MixedPrecision.Linear(row, in_proj_weight.narrow(0, 0, width), in_proj_bias.narrow(0, 0, width)), 1)[0];
        Tensor[] kv = Heads(MixedPrecision.Linear(x, in_proj_weight.narrow(0, width, 2 * width),
            in_proj_bias.narrow(0, width, 2 * width)), 2);
        Tensor? mask = _causal
            ? Arithmetic.Range(x.shape[1], x.device).view(1, 1, 1, -1) <= position.view(-1, 1, 1, 1)   // (B, 1, 1, T)
            : null;
        return Merge(functional.scaled_dot_product_attention(q, kv[0], kv[1], mask)).MoveToOuterDisposeScope();
    }

    // (B, T, parts * C) -> parts tensors of (B, heads, T, head width)
    private Tensor[] Heads(Tensor packed, int parts) =>
        packed.view(packed.shape[0], packed.shape[1], parts, -1, _headWidth).permute(2, 0, 3, 1, 4).unbind(0);

    // (B, heads, T, head width) -> (B, T, C), projected
    private Tensor Merge(Tensor heads) =>
        out_proj.forward(heads.transpose(1, 2).reshape(heads.shape[0], heads.shape[2], -1));

    public void Initialize(double attention, double projection, Generator generator)
    {
        in_proj_weight.normal_(0, attention, generator);
        in_proj_bias.zero_();
        out_proj.weight.normal_(0, projection, generator);
        out_proj.bias.zero_();
    }
}

/// <summary>c_proj(activation(c_fc(x))), wider inside.</summary>
internal sealed class Mlp : Module<Tensor, Tensor>
{
    private readonly Linear c_fc, c_proj;
    private readonly ClipActivation _activation;

    public Mlp(BlockSizes sizes) : base(nameof(Mlp))
    {
        c_fc = new Linear(sizes.Width, sizes.MlpWidth);
        c_proj = new Linear(sizes.MlpWidth, sizes.Width);
        _activation = sizes.Activation;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inner = c_fc.forward(x);
        return c_proj.forward(_activation == ClipActivation.Gelu ? functional.gelu(inner) : QuickGelu(inner)).MoveToOuterDisposeScope();
    }

    // x · σ(1.702 x): three tensors of the inner width, or one beside x where no gradients are recorded.
    private static Tensor QuickGelu(Tensor x)
    {
        Tensor y = x.Times(1.702);
        return is_grad_enabled() ? x * y.sigmoid() : y.sigmoid_().mul_(x);
    }

    public void Initialize(double inner, double projection, Generator generator)
    {
        c_fc.weight.normal_(0, inner, generator);
        c_fc.bias.zero_();
        c_proj.weight.normal_(0, projection, generator);
        c_proj.bias.zero_();
    }
}
