using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// CLIP's modified ResNet: a stem of three convolutions with average pooling, an average pool before every strided
/// convolution (anti-aliased), and attention pooling at the end.
/// </summary>
internal sealed class ModifiedResNet : Module<Tensor, Tensor>
{
    private readonly Conv2d conv1, conv2, conv3;
    private readonly BatchNorm2d bn1, bn2, bn3;
    private readonly ModuleList<Bottleneck> layer1, layer2, layer3, layer4;
    private readonly AttentionPool attnpool;

    public ModifiedResNet(ClipArchitecture architecture) : base(nameof(ModifiedResNet))
    {
        int width = architecture.VisionWidth;
        conv1 = new Conv2d(3, width / 2, 3, stride: 2, padding: 1);
        bn1 = new BatchNorm2d(width / 2);
        conv2 = new Conv2d(width / 2, width / 2, 3, padding: 1);
        bn2 = new BatchNorm2d(width / 2);
        conv3 = new Conv2d(width / 2, width, 3, padding: 1);
        bn3 = new BatchNorm2d(width);
        layer1 = Stage(width, width, architecture.VisionLayers[0], stride: 1);
        layer2 = Stage(width * 4, width * 2, architecture.VisionLayers[1], stride: 2);
        layer3 = Stage(width * 8, width * 4, architecture.VisionLayers[2], stride: 2);
        layer4 = Stage(width * 16, width * 8, architecture.VisionLayers[3], stride: 2);
        attnpool = new AttentionPool(architecture);
        RegisterComponents();
    }

    private static ModuleList<Bottleneck> Stage(int inputs, int planes, int blocks, int stride) =>
        ModuleList(Enumerable.Range(0, blocks)
            .Select(i => i == 0 ? new Bottleneck(inputs, planes, stride) : new Bottleneck(planes * Bottleneck.Expansion, planes, 1))
            .ToArray());

    public override Tensor forward(Tensor images)                             // (B, 3, n, n), normalised
    {
        using DisposeScope scope = NewDisposeScope();
        // Channels last in memory, the same tensor: on a CPU such convolutions and norms take two thirds of the time.
        Tensor x = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        x = functional.relu(bn1.forward(conv1.forward(x)));
        x = functional.relu(bn2.forward(conv2.forward(x)));
        x = functional.relu(bn3.forward(conv3.forward(x)));
        x = functional.avg_pool2d(x, 2);                                      // (B, width, n/4, n/4)
        foreach (ModuleList<Bottleneck> stage in (ModuleList<Bottleneck>[])[layer1, layer2, layer3, layer4])
        {
            foreach (Bottleneck block in stage)
            {
                x = block.forward(x);
                scope.DisposeEverythingBut(x);
            }
        }

        return attnpool.forward(x).MoveToOuterDisposeScope();                 // (B, d)
    }

    public void Initialize(Generator generator)
    {
        foreach (ModuleList<Bottleneck> stage in (ModuleList<Bottleneck>[])[layer1, layer2, layer3, layer4])
        {
            foreach (Bottleneck block in stage)
            {
                block.Initialize();
            }
        }

        attnpool.Initialize(generator);
    }
}

/// <summary>1×1, 3×3, 1×1 convolutions around a shortcut; strides are average pools.</summary>
internal sealed class Bottleneck : Module<Tensor, Tensor>
{
    public const int Expansion = 4;

    private readonly Conv2d conv1, conv2, conv3;
    private readonly BatchNorm2d bn1, bn2, bn3;
    private readonly Shortcut? downsample;
    private readonly int _stride;

    public Bottleneck(int inputs, int planes, int stride) : base(nameof(Bottleneck))
    {
        _stride = stride;
        conv1 = new Conv2d(inputs, planes, 1);
        bn1 = new BatchNorm2d(planes);
        conv2 = new Conv2d(planes, planes, 3, padding: 1);
        bn2 = new BatchNorm2d(planes);
        conv3 = new Conv2d(planes, planes * Expansion, 1);
        bn3 = new BatchNorm2d(planes * Expansion);
        if (stride > 1 || inputs != planes * Expansion)
        {
            downsample = new Shortcut(inputs, planes * Expansion);
        }

        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor y = functional.relu(bn1.forward(conv1.forward(x)));
        y = functional.relu(bn2.forward(conv2.forward(y)));
        y = bn3.forward(conv3.forward(Pool(y)));
        return functional.relu(y.Plus(downsample is null ? x : downsample.forward(Pool(x)))).MoveToOuterDisposeScope();
    }

    private Tensor Pool(Tensor x) => _stride > 1 ? functional.avg_pool2d(x, _stride) : x;

    /// <summary>Every block starts as its shortcut.</summary>
    public void Initialize() => bn3.weight.zero_();
}

/// <summary>The shortcut of a block that changes the number of channels.</summary>
internal sealed class Shortcut : Module<Tensor, Tensor>
{
    private readonly Conv2d _convolution;
    private readonly BatchNorm2d _norm;

    public Shortcut(int inputs, int outputs) : base(nameof(Shortcut))
    {
        register_module("0", _convolution = new Conv2d(inputs, outputs, 1));   // "0" and "1", as in the original
        register_module("1", _norm = new BatchNorm2d(outputs));
    }

    public override Tensor forward(Tensor x) => _norm.forward(_convolution.forward(x));
}

/// <summary>Attention pooling: one query, the mean over the positions, attends to them all.</summary>
internal sealed class AttentionPool : Module<Tensor, Tensor>
{
    private readonly Parameter positional_embedding;
    private readonly Linear q_proj, k_proj, v_proj, c_proj;
    private readonly int _width, _headWidth;

    public AttentionPool(ClipArchitecture architecture) : base(nameof(AttentionPool))
    {
        _width = architecture.ResNetWidth;
        _headWidth = architecture.VisionHeadWidth;
        positional_embedding = Layers.Weight(architecture.ImagePositions, _width);
        q_proj = new Linear(_width, _width);
        k_proj = new Linear(_width, _width);
        v_proj = new Linear(_width, _width);
        c_proj = new Linear(_width, architecture.EmbeddingDimension);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)                                  // (B, C, h, w)
    {
        x = x.flatten(2).transpose(1, 2);                                     // (B, hw, C)
        x = cat([x.mean([1], keepdim: true), x], 1).Plus(positional_embedding);   // (B, hw + 1, C)
        Tensor pooled = functional.scaled_dot_product_attention(
            Heads(q_proj.forward(x.narrow(1, 0, 1))), Heads(k_proj.forward(x)), Heads(v_proj.forward(x)));   // (B, heads, 1, head width)
        return c_proj.forward(pooled.flatten(1));                             // (B, d)
    }

    private Tensor Heads(Tensor x) => x.view(x.shape[0], x.shape[1], -1, _headWidth).transpose(1, 2);

    public void Initialize(Generator generator)
    {
        double std = Math.Pow(_width, -0.5);
        positional_embedding.normal_(0, std, generator);
        foreach (Linear projection in (Linear[])[q_proj, k_proj, v_proj, c_proj])
        {
            projection.weight.normal_(0, std, generator);
            projection.bias.uniform_(-std, std, generator);
        }
    }
}
