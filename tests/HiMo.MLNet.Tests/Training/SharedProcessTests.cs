using System.Diagnostics;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests.Training;

/// <summary>A training beside whatever else its process does with torch and threads. Such state is the process's: they run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class SharedProcessTests : IDisposable
{
    private readonly ToyImages _images = new();

    public void Dispose() => _images.Dispose();

    private float[][] Embeddings(HiMoClipOptions? options = null)
    {
        var mlContext = new MLContext(seed: 7);
        using HiMoClipTransformer model = _images.Train(mlContext, options);
        return [.. model.Transform(mlContext.Data.LoadFromEnumerable(_images.Rows)).GetColumn<float[]>("ImageEmbedding")];
    }

    [Fact]
    public void Another_default_type_of_tensors_changes_nothing()
    {
        float[][] expected = Embeddings();
        torch.set_default_dtype(torch.ScalarType.Float64);
        try
        {
            Assert.Equal(expected, Embeddings());
        }
        finally
        {
            torch.set_default_dtype(torch.ScalarType.Float32);
        }
    }

    [Fact]
    public void A_caller_in_inference_mode_or_without_gradients_changes_nothing()
    {
        float[][] expected = Embeddings();
        using (torch.inference_mode())
        {
            Assert.Equal(expected, Embeddings());
        }

        using (torch.no_grad())
        {
            Assert.Equal(expected, Embeddings());
        }
    }

    [Fact]
    public void The_callers_random_numbers_go_on_as_without_a_training()
    {
        float Draw(Action between)
        {
            torch.random.manual_seed(5);
            between();
            using torch.Tensor drawn = torch.rand(1);
            return drawn.item<float>();
        }

        Assert.Equal(Draw(() => { }), Draw(() => _images.Train(new MLContext(seed: 7)).Dispose()));
    }

    [Fact]
    public void A_training_stays_on_one_thread_of_its_own()
    {
        var threads = new HashSet<(int Id, bool OfPool)>();
        HiMoClipOptions options = ToyImages.Options(epochs: 10);
        options.ValidationSet = new MLContext().Data.LoadFromEnumerable(_images.Rows);
        options.Progress = new Steps(() => threads.Add((Environment.CurrentManagedThreadId, Thread.CurrentThread.IsThreadPoolThread)));
        Embeddings(options);

        (int id, bool ofPool) = Assert.Single(threads);
        Assert.NotEqual(Environment.CurrentManagedThreadId, id);
        Assert.False(ofPool);
    }

    private sealed class Steps(Action action) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => action();
    }

    [Fact]
    public async Task Four_trainings_on_a_pool_of_two_threads_all_end()
    {
        using Process process = SeparateProcess.StartFourTrainings(_images.Folder);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        // Not a measure of speed: without it, trainings that wait for each other would hang the tests.
        if (!process.WaitForExit(TimeSpan.FromMinutes(10)))
        {
            process.Kill(entireProcessTree: true);
        }

        Assert.Equal("4 trained", (await output).Trim());
    }

    /// <summary>What that process runs: the calls of Fit alone fill the pool.</summary>
    internal static void TrainFourOnTwoThreads(string images)
    {
        var toys = new ToyImages(images);
        ThreadPool.SetMinThreads(1, 1);
        if (!ThreadPool.SetMaxThreads(2, 2))
        {
            throw new InvalidOperationException("The pool cannot have two threads alone.");
        }

        HiMoClipOptions options = ToyImages.Options();
        options.Devices = ["cpu", "cpu"];
        options.MicroBatchSize = 2;
        options.ValidationSet = new MLContext().Data.LoadFromEnumerable(toys.Rows);
        options.ValidationMetric = ValidationMetric.RecallAt1;
        Task[] trainings = [.. Enumerable.Range(0, 4).Select(seed => Task.Run(() => toys.Train(new MLContext(seed), options).Dispose()))];
        Task.WaitAll(trainings);
        Console.WriteLine($"{trainings.Length} trained");
    }
}
