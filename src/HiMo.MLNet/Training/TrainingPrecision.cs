namespace HiMo.MLNet;

/// <summary>
/// The type of the networks' heavy products (linear layers, convolutions, attention) in training. Weights, layer norms,
/// embeddings, losses, HiDe and the optimizer are float32 always.
/// </summary>
public enum TrainingPrecision
{
    /// <summary>32 bits.</summary>
    Float32,

    /// <summary>16 bits with the range of float32; about half the memory. GPUs from NVIDIA's Ampere generation on, and CPUs.</summary>
    BFloat16,

    /// <summary>16 bits with a narrow range: the loss is scaled so that small gradients survive. For GPUs older than Ampere.</summary>
    Float16,
}
