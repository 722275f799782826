using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Embedding;

/// <summary>The two towers of a model on the engine that computes them. Safe for concurrent calls.</summary>
internal abstract class ClipNetwork : IDisposable
{
    /// <summary>What computes: <c>TorchSharp 0.107.0</c>, <c>ONNX Runtime 1.31.1</c>.</summary>
    public abstract string Engine { get; }

    public abstract ClipArchitecture Architecture { get; }

    /// <summary>s, the scale of the logits.</summary>
    public abstract float LogitScale { get; }

    /// <summary>Bytes of native memory that the weights take.</summary>
    public abstract long WeightBytes { get; }

    /// <param name="planes">(<paramref name="count"/>, 3, n, n), bytes.</param>
    /// <param name="count">Images.</param>
    /// <returns>Row-major (count, d), normalised.</returns>
    public abstract float[] EmbedPlanes(ReadOnlySpan<byte> planes, int count);

    /// <param name="tokens">(<paramref name="count"/>, <paramref name="columns"/>), start and end tokens among them.</param>
    /// <param name="count">Texts.</param>
    /// <param name="columns">At least as many as the longest text has tokens.</param>
    /// <returns>Row-major (count, d), normalised.</returns>
    public abstract float[] EmbedTokens(long[] tokens, int count, int columns);

    /// <summary>Writes all that decides the embeddings but the vocabulary, to be hashed.</summary>
    public abstract void WriteContent(Stream stream);

    /// <summary>Writes what the towers are made of into a model zip.</summary>
    public abstract void Save(ModelEntriesWriter entries);

    public abstract void Dispose();
}
