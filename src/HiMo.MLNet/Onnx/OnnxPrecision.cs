namespace HiMo.MLNet;

/// <summary>The type of the weights and heavy products of an exported model. Inputs and embeddings are single precision always.</summary>
public enum OnnxPrecision
{
    /// <summary>Single precision: the same embeddings as here.</summary>
    Float32,

    /// <summary>Half precision: half the size, for GPUs. ONNX Runtime's CPU engine widens it again.</summary>
    Float16,

    /// <summary>
    /// Weights of linear layers in 8 bits with a scale for each output, their inputs quantised on the fly: a quarter of the size, and
    /// faster on CPUs. Convolutions, norms and the token table stay single.
    /// </summary>
    Int8,
}
