using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace HiMo.MLNet.Modeling;

/// <summary>
/// The layers that the networks are made of: weights under the names of the original state dict and one functional call, whose
/// heavy products follow <see cref="MixedPrecision"/>. Networks draw their weights in <c>Initialize</c> or load them.
/// </summary>
/// <remarks>
/// In place of TorchSharp's, which draw weights from torch's own generator when they are made, take the types that the
/// process happens to have as defaults, and make numbers that a garbage collection can free in use (see <see cref="Arithmetic"/>).
/// </remarks>
internal static class Layers
{
    /// <summary>A parameter whose values are yet to be drawn or loaded: float32, on the CPU.</summary>
    public static Parameter Weight(params long[] shape) => Parameter(empty(shape, dtype: ScalarType.Float32, device: CPU));

    /// <summary>Makes a network the owner of its tensors: the dispose scopes round its construction end without them.</summary>
    public static void Keep(Module network)
    {
        foreach (Tensor tensor in network.parameters().Concat(network.buffers()))
        {
            tensor.DetachFromDisposeScope();
        }
    }

    /// <summary>A parameter of zeros: float32, on the CPU.</summary>
    public static Parameter Zeros(long size) => Parameter(zeros(size, dtype: ScalarType.Float32, device: CPU));

    /// <summary>A parameter of ones: float32, on the CPU.</summary>
    public static Parameter Ones(long size) => Parameter(ones(size, dtype: ScalarType.Float32, device: CPU));
}

/// <summary>x Wᵀ + b over the last dimension.</summary>
internal sealed class Linear : Module<Tensor, Tensor>
{
    public readonly Parameter weight, bias;

    public Linear(int inputs, int outputs) : base(nameof(Linear))
    {
        weight = Layers.Weight(outputs, inputs);
        bias = Layers.Zeros(outputs);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => MixedPrecision.Linear(x, weight, bias);
}

/// <summary>A row of a table for every id.</summary>
internal sealed class Embedding : Module<Tensor, Tensor>
{
    public readonly Parameter weight;

    public Embedding(int rows, int width) : base(nameof(Embedding))
    {
        weight = Layers.Weight(rows, width);
        RegisterComponents();
    }

    public override Tensor forward(Tensor ids) => weight.index_select(0, ids.flatten()).view([.. ids.shape, weight.shape[1]]);
}

/// <summary>A convolution of square windows, without a bias.</summary>
internal sealed class Conv2d : Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly long[] _stride, _padding;

    public Conv2d(int inputs, int outputs, int size, int stride = 1, int padding = 0) : base(nameof(Conv2d))
    {
        weight = Layers.Weight(outputs, inputs, size, size);
        (_stride, _padding) = ([stride, stride], [padding, padding]);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => MixedPrecision.Convolve(x, weight, _stride, _padding);
}

/// <summary>Layer norm over the last dimension, ε = 1e-5.</summary>
internal sealed class LayerNorm : Module<Tensor, Tensor>
{
    private readonly Parameter weight, bias;
    private readonly long[] _shape;

    public LayerNorm(int width) : base(nameof(LayerNorm))
    {
        weight = Layers.Ones(width);
        bias = Layers.Zeros(width);
        _shape = [width];
        RegisterComponents();
    }

    public override Tensor forward(Tensor x) => functional.layer_norm(x, _shape, weight, bias);
}

/// <summary>Batch norm of images, ε = 1e-5; in training mode its running statistics follow with a momentum of 0.1.</summary>
internal sealed class BatchNorm2d : Module<Tensor, Tensor>
{
    public readonly Parameter weight;
    private readonly Parameter bias;
    private readonly Tensor running_mean, running_var, num_batches_tracked;

    public BatchNorm2d(int channels) : base(nameof(BatchNorm2d))
    {
        weight = Layers.Ones(channels);
        bias = Layers.Zeros(channels);
        running_mean = zeros(channels, dtype: ScalarType.Float32, device: CPU);
        running_var = ones(channels, dtype: ScalarType.Float32, device: CPU);
        num_batches_tracked = zeros([], dtype: ScalarType.Int64, device: CPU);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)                                  // (B, channels, h, w)
    {
        if (training)
        {
            Arithmetic.Increment(num_batches_tracked);
        }

        return functional.batch_norm(x, running_mean, running_var, weight, bias, training);
    }
}
