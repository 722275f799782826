using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests;

/// <summary>Tensors are counted over the whole process, so these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class NativeMemoryTests : IDisposable
{
    private readonly MLContext _mlContext = new(seed: 3);
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    [Fact]
    public void Live_tensors_do_not_grow_with_the_steps()
    {
        var counts = new LiveTensors();
        HiMoClipOptions options = ToyImages.Options(epochs: 40);
        options.MicroBatchSize = 4;
        options.Progress = counts;

        _images.Train(_mlContext, options).Dispose();

        // The batches read ahead come and go; one tensor a step would make it 70.
        Assert.Equal(80, counts.Count);
        Assert.InRange(counts[10..].Max() - counts[9], long.MinValue, 8);
    }

    private sealed class LiveTensors : List<long>, IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => Add(torch.Tensor.TotalCount);
    }

    [Fact]
    public void Scoring_leaves_no_tensors_behind()
    {
        using HiMoClipTransformer model = _images.Train(_mlContext), classifier = model.ForZeroShot(["red", "green"]);
        IDataView scored = classifier.Transform(_mlContext.Data.LoadFromEnumerable(_images.Rows));
        _ = scored.GetColumn<float[]>("Score").ToArray();
        // What other tests left to the finalizers must not go away while this one counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = torch.Tensor.TotalCount;

        for (int i = 0; i < 5; i++)
        {
            _ = scored.GetColumn<float[]>("Score").Concat(scored.GetColumn<float[]>("TextEmbedding")).ToArray();
        }

        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
