using HiMo.MLNet.Checkpoints;
using HiMo.MLNet.Modeling;
using TorchSharp;
using static TorchSharp.torch;

namespace HiMo.MLNet.Embedding;

/// <summary>The towers in torch.</summary>
/// <param name="model">The networks, which this owns.</param>
/// <param name="device">Where they are.</param>
internal sealed class TorchNetwork(ClipModel model, Device device) : ClipNetwork
{
    /// <summary>Images that go through the network at a time on a CPU: faster than more of them, and far less memory.</summary>
    private const int CpuBatchSize = 8;

    public ClipModel Model => model;

    public override string Engine => $"TorchSharp {typeof(torch).Assembly.GetName().Version?.ToString(3)} on {device}";

    public override ClipArchitecture Architecture => model.Architecture;

    public override long WeightBytes { get; } = ClipWeights.Tensors(model).Values.Sum(weights => weights.numel() * weights.ElementSize);

    public override float LogitScale
    {
        get
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable _ = no_grad();
            return model.LogitScale.exp().item<float>();
        }
    }

    public override float[] EmbedPlanes(ReadOnlySpan<byte> planes, int count)
    {
        int size = Architecture.ImageSize, length = 3 * size * size, dimension = Architecture.EmbeddingDimension;
        int batch = device.type == DeviceType.CPU ? CpuBatchSize : Math.Max(count, 1);
        float[] embeddings = new float[count * dimension];
        for (int first = 0; first < count; first += batch)
        {
            int n = Math.Min(batch, count - first);
            using DisposeScope scope = NewDisposeScope();
            using IDisposable _ = no_grad();
            byte[] part = planes.Slice(first * length, n * length).ToArray();
            Tensor bytes = tensor(part, n, 3, size, size, dtype: ScalarType.Byte).to(device);
            Normalized(model.EncodeImage(ImageTensor.Normalize(bytes))).CopyTo(embeddings.AsSpan(first * dimension));
        }

        return embeddings;
    }

    public override float[] EmbedTokens(long[] tokens, int count, int columns)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable _ = no_grad();
        return Normalized(model.EncodeText(tensor(tokens, count, columns).to(device)));
    }

    private static float[] Normalized(Tensor embeddings) =>
        nn.functional.normalize(embeddings, dim: 1).cpu().data<float>().ToArray();

    public override void WriteContent(Stream stream) => ClipWeights.Save(model, stream);

    public override void Save(ModelEntriesWriter entries) => entries.Write(ModelArchive.WeightsEntry, WriteContent);

    public override void Dispose() => model.Dispose();
}
