using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests;

/// <summary>Bits are compared: these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class RepeatabilityTests : IDisposable
{
    private readonly ToyPictures _pictures = new();

    public void Dispose() => _pictures.Dispose();

    [Fact]
    public async Task The_same_seed_gives_the_same_model()
    {
        float[][] Embeddings(int seed)
        {
            var mlContext = new MLContext(seed);
            using HiMoClipTransformer model = _pictures.Train(mlContext);
            return [.. model.Transform(mlContext.Data.LoadFromEnumerable(_pictures.Rows)).GetColumn<float[]>("ImageEmbedding")];
        }

        float[][] first = Embeddings(7);

        // Whatever else the process draws from torch's own generator makes no difference.
        using var stop = new CancellationTokenSource();
        Task noise = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                TorchSharp.torch.randn(10).Dispose();
        });
        Assert.Equal(first, Embeddings(7));
        await stop.CancelAsync();
        await noise;
        Assert.NotEqual(first, Embeddings(8));
    }
}
