using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// The CLIP dual encoder with a long text context: an image tower <c>visual</c>, and the text tower's parameters beside
/// it, as in the original state dict. Embeddings are not normalised here.
/// </summary>
internal sealed class ClipModel : Module
{
    /// <summary>Positions below this one come from <c>positional_embedding</c>, the others from <c>positional_embedding_res</c>
    /// (Long-CLIP).</summary>
    public const int KeptPositions = 20;

    /// <summary>ln(1 / 0.07), CLIP's initial logarithm of the logit scale.</summary>
    public const double InitialLogitScale = 2.6592600369327779;

    private readonly Module<Tensor, Tensor> visual;
    private readonly Embedding token_embedding;
    private readonly Parameter positional_embedding, positional_embedding_res, text_projection, logit_scale;
    private readonly Transformer transformer;
    private readonly LayerNorm ln_final;

    /// <summary>Allocates the parameters; call <see cref="Initialize"/> or load a checkpoint next.</summary>
    /// <exception cref="ArgumentException">A size is out of range.</exception>
    public ClipModel(ClipArchitecture architecture) : base(nameof(ClipModel))
    {
        architecture.Validate();
        Architecture = architecture;
        using DisposeScope scope = NewDisposeScope();
        int width = architecture.TextWidth;
        visual = architecture.IsVisionTransformer ? new VisionTransformer(architecture) : new ModifiedResNet(architecture);
        token_embedding = new Embedding(architecture.VocabularySize, width);
        positional_embedding = Layers.Weight(architecture.ContextLength, width);
        positional_embedding_res = Layers.Weight(architecture.ContextLength, width);
        transformer = new Transformer(architecture.TextBlock, architecture.TextLayers, causal: true);
        ln_final = new LayerNorm(width);
        text_projection = Layers.Weight(width, architecture.EmbeddingDimension);
        logit_scale = Parameter(tensor(InitialLogitScale, ScalarType.Float32, CPU));
        RegisterComponents();

        Layers.Keep(this);
    }

    public ClipArchitecture Architecture { get; }

    /// <summary>
    /// The types in which tensors were stored, where not float32: they are written back in them, so that a file of halves
    /// stays one. Empty once the model has been trained.
    /// </summary>
    public Dictionary<string, ScalarType> StoredTypes { get; } = [];

    /// <summary>The logarithm of the scale s of all logits, a scalar.</summary>
    public Parameter LogitScale => logit_scale;

    /// <param name="images">(B, 3, n, n), normalised.</param>
    /// <returns>(B, d)</returns>
    public Tensor EncodeImage(Tensor images)
    {
        int n = Architecture.ImageSize;
        if (images.shape is not [_, 3, var height, var length] || height != n || length != n)
        {
            throw new ArgumentException(
                $"The model takes images of shape (batch, 3, {n}, {n}); these are ({string.Join(", ", images.shape)}).", nameof(images));
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor embedding = visual.forward(images).to(ScalarType.Float32);     // (B, d)
        GC.KeepAlive(this);                                                   // and with it the weights, which the calls above do not hold
        return embedding.MoveToOuterDisposeScope();
    }

    /// <param name="tokens">(B, T), int64, T from 1 to the context length. The end token is the largest id of a row. Columns
    /// after the last end token change nothing and may be left out.</param>
    /// <returns>(B, d)</returns>
    public Tensor EncodeText(Tensor tokens)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Embed(tokens);                                             // (B, T, C)
        Tensor embedding = Project(transformer.ForwardAt(x, tokens.argmax(-1)));   // (B, d)
        GC.KeepAlive(this);
        return embedding.MoveToOuterDisposeScope();
    }

    /// <summary>The embedding, and what it is read from.</summary>
    /// <param name="tokens">As for <see cref="EncodeText"/>.</param>
    /// <returns>(B, d); the transformer's output, (B, T, C); the position of each end token, (B).</returns>
    public (Tensor Embedding, Tensor Sequence, Tensor End) EncodeTextSequence(Tensor tokens)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = transformer.forward(Embed(tokens));                        // (B, T, C)
        Tensor end = tokens.argmax(-1);                                       // (B)
        Tensor row = x.gather(1, end.view(-1, 1, 1).expand(-1, 1, x.shape[2])).squeeze(1);   // (B, C)
        Tensor embedding = Project(row);                                      // (B, d)
        GC.KeepAlive(this);
        return (embedding.MoveToOuterDisposeScope(), x.MoveToOuterDisposeScope(), end.MoveToOuterDisposeScope());
    }

    private Tensor Embed(Tensor tokens)
    {
        if (tokens.shape is not [_, > 0 and var length] || length > Architecture.ContextLength || tokens.dtype != ScalarType.Int64)
        {
            throw new ArgumentException(
                $"The model takes int64 token ids of shape (batch, 1 "
                + $"to {Architecture.ContextLength}); these are {tokens.dtype} ({string.Join(", ", tokens.shape)}).", nameof(tokens));
        }

        using DisposeScope scope = NewDisposeScope();
        return token_embedding.forward(tokens).Plus(Positions(length)).MoveToOuterDisposeScope();
    }

    private Tensor Project(Tensor row) => MixedPrecision.MatMul(ln_final.forward(row), text_projection).to(ScalarType.Float32);

    private Tensor Positions(long length) => length <= KeptPositions
        ? positional_embedding.narrow(0, 0, length)
        : cat([positional_embedding.narrow(0, 0, KeptPositions),
            positional_embedding_res.narrow(0, KeptPositions, length - KeptPositions)], 0);

    /// <summary>Draws new weights as the original code does.</summary>
    /// <param name="generator">Not torch's own, which the whole process shares; TorchSharp's <c>nn.init</c> would draw from that.</param>
    public void Initialize(Generator generator)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        foreach (Parameter weight in parameters())
        {
            if (weight.shape is [_, var channels, var height, var length])    // convolutions: PyTorch's default
            {
                weight.uniform_(-Math.Pow(channels * height * length, -0.5), Math.Pow(channels * height * length, -0.5), generator);
            }
        }

        (visual as VisionTransformer)?.Initialize(generator);
        (visual as ModifiedResNet)?.Initialize(generator);
        token_embedding.weight.normal_(0, 0.02, generator);
        positional_embedding.normal_(0, 0.01, generator);
        positional_embedding_res.copy_(positional_embedding);
        transformer.Initialize(Architecture.TextWidth, Architecture.TextLayers, generator);
        text_projection.normal_(0, Math.Pow(Architecture.TextWidth, -0.5), generator);
        Arithmetic.Fill(logit_scale, InitialLogitScale);
        GC.KeepAlive(this);
        GC.KeepAlive(generator);
    }
}
