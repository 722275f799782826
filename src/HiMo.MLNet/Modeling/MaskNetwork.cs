using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// SmartCLIP's mask network: one transformer block over the text tower's token sequence, attention pooling, a sigmoid, and
/// binarisation with a straight-through gradient. Says which dimensions of the embedding a text speaks of.
/// </summary>
internal sealed class MaskNetwork : Module
{
    private readonly ResidualAttentionBlock block;
    private readonly LayerNorm ln_pool;
    private readonly MultiHeadSelfAttention pool;
    private readonly Linear proj;
    private readonly int _width;

    /// <param name="sizes">Those of the text tower's blocks.</param>
    /// <param name="dimension">d, the dimension of the embeddings.</param>
    public MaskNetwork(BlockSizes sizes, int dimension) : base(nameof(MaskNetwork))
    {
        _width = sizes.Width;
        using DisposeScope scope = NewDisposeScope();
        block = new ResidualAttentionBlock(sizes, causal: true);              // causal: nothing reads the padding after the end token
        ln_pool = new LayerNorm(_width);
        pool = new MultiHeadSelfAttention(_width, sizes.HeadWidth, causal: true);
        proj = new Linear(_width, dimension);
        RegisterComponents();
        Layers.Keep(this);
    }

    /// <param name="sequence">(B, T, C), the text tower's token sequence.</param>
    /// <param name="end">(B), the position of each end token.</param>
    /// <returns>(B, d), zeros and ones, with the gradient of the probabilities.</returns>
    public Tensor Mask(Tensor sequence, Tensor end)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ln_pool.forward(block.forward(sequence));                  // (B, T, C)
        Tensor pooled = pool.ForwardAt(x, end).squeeze(1);                    // (B, C)
        Tensor probability = sigmoid(proj.forward(pooled).to(ScalarType.Float32));   // (B, d)
        Tensor binary = probability.IsAbove(0.5).to(ScalarType.Float32);
        Tensor mask = binary.Plus(probability - probability.detach());
        GC.KeepAlive(this);                                                   // and with it the weights, which the calls above do not hold
        return mask.MoveToOuterDisposeScope();
    }

    /// <summary>Draws new weights. All masks begin open, so that training begins as CLIP's.</summary>
    public void Initialize(Generator generator)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        double std = Math.Pow(_width, -0.5);
        block.Initialize(std, std * Math.Pow(2, -0.5), Math.Pow(2 * _width, -0.5), generator);
        pool.Initialize(std, std, generator);
        proj.weight.normal_(0, 0.1 * std, generator);
        Arithmetic.Fill(proj.bias, 1);
        GC.KeepAlive(this);
        GC.KeepAlive(generator);
    }
}
