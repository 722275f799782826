using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>CLIP's vision transformer (spec of the original: <c>visual.*</c> with a <c>visual.proj</c>).</summary>
internal sealed class VisionTransformer : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1;
    private readonly Parameter class_embedding, positional_embedding, proj;
    private readonly LayerNorm ln_pre, ln_post;
    private readonly Transformer transformer;
    private readonly ClipArchitecture _architecture;

    public VisionTransformer(ClipArchitecture architecture) : base(nameof(VisionTransformer))
    {
        _architecture = architecture;
        int width = architecture.VisionWidth, patch = architecture.PatchSize!.Value;
        conv1 = new Conv2d(3, width, patch, stride: patch);
        class_embedding = Layers.Weight(width);
        positional_embedding = Layers.Weight(architecture.ImagePositions, width);
        ln_pre = new LayerNorm(width);
        transformer = new Transformer(architecture.VisionBlock, architecture.VisionLayers[0], causal: false);
        ln_post = new LayerNorm(width);
        proj = Layers.Weight(width, architecture.EmbeddingDimension);
        RegisterComponents();
    }

    public override Tensor forward(Tensor images)                             // (B, 3, n, n), normalised
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Embed(images);                                             // (B, 1 + patches, C)
        Tensor classToken = zeros(x.shape[0], dtype: ScalarType.Int64, device: x.device);
        Tensor row = ln_post.forward(transformer.ForwardAt(x, classToken));   // (B, C)
        return MixedPrecision.MatMul(row, proj).MoveToOuterDisposeScope();    // (B, d)
    }

    private Tensor Embed(Tensor images)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor patches = conv1.forward(images).flatten(2).transpose(1, 2);    // (B, patches, C)
        Tensor first = class_embedding.expand(patches.shape[0], 1, -1);       // (B, 1, C)
        return ln_pre.forward(cat([first, patches], 1).Plus(positional_embedding)).MoveToOuterDisposeScope();
    }

    public void Initialize(Generator generator)
    {
        double scale = Math.Pow(_architecture.VisionWidth, -0.5);
        class_embedding.normal_(0, scale, generator);
        positional_embedding.normal_(0, scale, generator);
        proj.normal_(0, scale, generator);
        transformer.Initialize(_architecture.VisionWidth, _architecture.VisionLayers[0], generator);
    }
}
