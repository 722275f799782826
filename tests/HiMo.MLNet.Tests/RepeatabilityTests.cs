using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests;

/// <summary>Bits are compared: these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class RepeatabilityTests : IDisposable
{
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Fact]
    public void The_same_seed_gives_the_same_model()
    {
        float[][] Embeddings(int seed)
        {
            var mlContext = new MLContext(seed);
            using HiMoClipTransformer model = _images.Train(mlContext);
            return [.. model.Transform(mlContext.Data.LoadFromEnumerable(_images.Rows)).GetColumn<float[]>("ImageEmbedding")];
        }

        float[][] first = Embeddings(7);

        // Where torch's own generator stands makes no difference: others in the process draw from it.
        TorchSharp.torch.random.manual_seed(99);
        Assert.Equal(first, Embeddings(7));
        Assert.NotEqual(first, Embeddings(8));
    }
}
