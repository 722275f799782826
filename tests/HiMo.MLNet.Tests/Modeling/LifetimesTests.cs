using HiMo.MLNet.Modeling;
using HiMo.MLNet.Objectives;
using HiMo.MLNet.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>Tensors live in a dispose scope, where no collection frees them, and no longer than they are needed.</summary>
public sealed class LifetimesTests
{
    private static readonly ClipArchitecture s_resNet = new(32, 32, [1, 1, 1, 1], 8, null, 64, 1);

    /// <summary>Tensors that this thread has made outside a scope.</summary>
    private static long Unscoped => DisposeScopeManager.Statistics.TensorStatistics.CreatedOutsideScopeCount;

    private static readonly BlockSizes s_narrow = new(64, 64, 256, ClipActivation.QuickGelu);

    private static readonly BlockSizes s_wide = new(128, 64, 512, ClipActivation.QuickGelu);

    public static TheoryData<string> Architectures => ["ViT", "ResNet"];

    private static ClipArchitecture Architecture(string name) => name == "ViT" ? ToyImages.Tiny : s_resNet;

    [Theory]
    [MemberData(nameof(Architectures))]
    public void A_model_is_made_drawn_saved_and_read_in_scopes(string architecture)
    {
        long before = Unscoped;

        using var model = new ClipModel(Architecture(architecture));
        using var generator = new Generator(1);
        model.Initialize(generator);
        using var masks = new MaskNetwork(s_narrow, 32);
        masks.Initialize(generator);
        using var stream = new MemoryStream();
        ClipWeights.Save(model, stream);

        Assert.Equal(before, Unscoped);
    }

    [Fact]
    public void A_training_step_works_in_scopes()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ClipModel(s_resNet);
        using var masks = new MaskNetwork(s_narrow, 32);
        using var generator = new Generator(1);
        model.Initialize(generator);
        masks.Initialize(generator);
        var networks = new NetworkReplica(model, masks, CPU);
        using var batch = new ContrastiveBatch(
            zeros(6, 3, 32, 32, dtype: ScalarType.Byte), [ones(6, 9, dtype: ScalarType.Int64)], Arithmetic.Range(6, CPU));
        long before = Unscoped;

        using var optimizer = new AdamW(networks.Parameters.Select(p => (p.Name, p.Parameter, 1e-3)), weightDecay: 0.1);
        var step = new ContrastiveStep([networks], new SmartClipObjective(), microBatchSize: 2, ScalarType.BFloat16);
        for (int i = 0; i < 2; i++)
        {
            optimizer.ZeroGradients();
            step.Backward(batch);
            new LossScale(2, 0).Unscale(optimizer.Parameters);
            GradientNorm.Clip(optimizer.Parameters, GradientNorm.Of(optimizer.Parameters), 1);
            optimizer.Step(1);
        }

        Assert.Equal(before, Unscoped);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_block_leaves_its_output_alone(bool records)
    {
        using DisposeScope outer = NewDisposeScope();
        using IDisposable mode = records ? enable_grad() : no_grad();
        using var block = new ResidualAttentionBlock(s_wide, causal: true);
        using var mlp = new Mlp(s_wide);
        using var attention = new MultiHeadSelfAttention(128, 64, causal: true);
        using var bottleneck = new Bottleneck(8, 4, stride: 2);
        using var transformer = new Transformer(s_wide, layers: 3, causal: true);
        Tensor x = zeros(2, 5, 128), position = zeros(2, dtype: ScalarType.Int64), images = zeros(2, 8, 4, 4);
        Func<Tensor>[] calls =
        [
            () => block.forward(x), () => block.ForwardAt(x, position), () => mlp.forward(x), () => attention.forward(x),
            () => bottleneck.forward(images), () => transformer.forward(x), () => transformer.ForwardAt(x, position),
        ];

        Assert.All(calls, call =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor output = call();
            Assert.Equal([output], scope.DisposablesView);
        });
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void What_is_computed_in_place_without_gradients_is_the_same_and_leaves_the_input_as_it_is(string architecture)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ClipModel(Architecture(architecture));
        using var generator = new Generator(5);
        model.Initialize(generator);
        model.eval();
        Tensor images = randn([3, 3, 32, 32], generator: generator), tokens = randint(1, 1000, [3, 30], dtype: ScalarType.Int64, generator: generator);
        Tensor before = images.clone();
        Tensor[] recorded = [model.EncodeImage(images), model.EncodeText(tokens)];
        using IDisposable _ = no_grad();

        Closeness.Within(0, recorded[0], model.EncodeImage(images), "image embeddings");
        Closeness.Within(0, recorded[1], model.EncodeText(tokens), "text embeddings");
        Closeness.Within(0, before, images, "images");
    }

    [Fact]
    public void Residuals_stay_float32_in_half_precision()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad(), half = MixedPrecision.Use(ScalarType.BFloat16);
        using var block = new ResidualAttentionBlock(s_narrow, causal: false);

        Assert.Equal(ScalarType.Float32, block.forward(zeros(1, 2, 64)).dtype);
    }

    // As drawn by libtorch through TorchSharp's own layers.
    [Fact]
    public void A_seed_draws_the_weights_that_it_always_drew()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ClipModel(ToyImages.Tiny);
        using var generator = new Generator(7);
        model.Initialize(generator);
        Dictionary<string, Tensor> weights = ClipWeights.Tensors(model);

        Assert.Equal(-0.010816454f, weights["visual.conv1.weight"].flatten()[5].item<float>());
        Assert.Equal(0.008537234f, weights["token_embedding.weight"].flatten()[100].item<float>());
        Assert.Equal(-0.045827385f, weights["text_projection"].flatten()[9].item<float>());
    }

    [Fact]
    public void Gradients_beyond_the_norm_are_scaled_down_together()
    {
        using DisposeScope scope = NewDisposeScope();
        using TorchSharp.Modules.Parameter first = nn.Parameter(tensor([0f, 0f])), second = nn.Parameter(tensor(0f));
        using var optimizer = new AdamW([("first", first, 1), ("second", second, 1)], weightDecay: 0);
        (first.grad, second.grad) = (tensor([2f, 3f]), tensor(6f));           // ‖(2, 3, 6)‖ = 7

        GradientNorm.Clip(optimizer.Parameters, GradientNorm.Of(optimizer.Parameters), 8);
        Assert.Equal([2f, 3f], first.grad!.data<float>().ToArray());

        GradientNorm.Clip(optimizer.Parameters, GradientNorm.Of(optimizer.Parameters), 3.5);
        Assert.Equal([1f, 1.5f], first.grad!.data<float>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-6f);
        Assert.Equal(3f, second.grad!.item<float>(), 1e-6f);
    }
}
