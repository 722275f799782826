using System.Diagnostics;
using System.Runtime.CompilerServices;
using HiMo.MLNet.Embedding;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>When a model's native memory goes. Tensors are counted over the whole process, so these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class LifetimeTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Scores
    {
        public float[] Score { get; set; } = [];
    }

    [Fact]
    public void Threads_that_dispose_of_one_model_give_its_share_back_once()
    {
        using HiMoClipTransformer model = tiny.Fit();
        ClipEncoder encoder = model.Encoder;
        HiMoClipTransformer[] sharing = [.. Enumerable.Range(0, 5_000).Select(_ => new HiMoClipTransformer(encoder.Share(), model.Columns, null))];
        int arrived = 0;
        void DisposeInStep()
        {
            for (int i = 0; i < sharing.Length; i++)
            {
                Interlocked.Increment(ref arrived);
                for (var wait = new SpinWait(); Volatile.Read(ref arrived) < 2 * (i + 1); wait.SpinOnce(sleep1Threshold: -1))
                {
                }

                sharing[i].Dispose();
            }
        }

        var other = new Thread(DisposeInStep);
        other.Start();
        DisposeInStep();
        other.Join();

        Assert.Equal(16, model.Transform(tiny.Data).GetColumn<float[]>("ImageEmbedding").Count());
    }

    [Fact]
    public void A_disposed_model_says_so_on_every_path_though_another_one_shares_its_weights()
    {
        HiMoClipTransformer model = tiny.Fit();
        using HiMoClipTransformer classifier = model.ForZeroShot(["red", "green"]);
        IDataView made = model.Transform(tiny.Data);
        using DataViewRowCursor cursor = made.GetRowCursor(made.Schema);
        PredictionEngine<ToyImages.Row, Scores> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Scores>(
            model.ForZeroShot(["red"]), new PredictionEngineOptions { OwnsTransformer = true });
        engine.Dispose();
        model.Dispose();
        model.Dispose();

        foreach (Action use in (Action[])
        [
            () => model.Transform(tiny.Data), () => model.GetOutputSchema(tiny.Data.Schema), () => ((ITransformer)model).GetRowToRowMapper(tiny.Data.Schema),
            () => model.ForZeroShot(["red"]), () => model.SaveCheckpoint(tiny.FileName("disposed.safetensors")), () => model.EvaluateRetrieval(tiny.Data),
            () => tiny.MLContext.Model.Save(model, tiny.Data.Schema, tiny.FileName("disposed.zip")), () => cursor.MoveNext(),
            () => made.GetColumn<float[]>("TextEmbedding").First(),
        ])
        {
            Assert.Throws<ObjectDisposedException>(use);
        }

        Assert.False(File.Exists(tiny.FileName("disposed.safetensors")));
        Assert.Equal(16, classifier.Transform(tiny.Data).GetColumn<float[]>("Score").Count());
    }

    [Fact]
    public void A_model_that_nobody_disposed_of_is_reclaimed()
    {
        // TorchSharp's count goes up with every parameter that there ever was: so the comparison is with models that were disposed of.
        // What a row was read with ends on threads of its own, on a busy machine a moment after the row: so it is asked more than once.
        long before = Collect();
        Use().Dispose();
        long disposed = Collect() - before;

        before = Collect();
        Use();
        var waited = Stopwatch.StartNew();
        long forgotten;
        while ((forgotten = Collect() - before) > disposed && waited.Elapsed < TimeSpan.FromSeconds(30))
        {
            Thread.Sleep(50);
        }

        Assert.Equal(disposed, forgotten);
    }

    // By itself, so that no local of the test keeps the model.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private HiMoClipTransformer Use()
    {
        HiMoClipTransformer classifier = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green"]).Fit(tiny.Data);
        Assert.Equal(16, classifier.Transform(tiny.Data).GetColumn<float[]>("Score").Count());
        var engines = new PredictionEngineOptions { OwnsTransformer = false };
        Assert.Equal(2, tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Scores>(classifier, engines).Predict(tiny.Images.Rows[0]).Score.Length);
        return classifier;
    }

    private static long Collect()
    {
        for (int i = 0; i < 2; i++)                                           // what a finalizer lets go of is the next collection's
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        return torch.Tensor.TotalCount;
    }

    [Fact]
    public void Engines_on_eight_threads_with_a_dispose_in_their_midst_end_with_that_error_alone()
    {
        for (int round = 0; round < 3; round++)
        {
            HiMoClipTransformer classifier = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green"]).Fit(tiny.Data);
            using var started = new CountdownEvent(8);
            var ended = new Exception?[8];
            void Predict(int thread)
            {
                PredictionEngine<ToyImages.Row, Scores> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Scores>(classifier);
                engine.Predict(tiny.Images.Rows[thread]);
                started.Signal();
                while (true)
                {
                    engine.Predict(tiny.Images.Rows[thread]);
                }
            }

            Thread[] threads = [.. ended.Select((_, i) => new Thread(() => ended[i] = Record.Exception(new Action(() => Predict(i)))))];
            Array.ForEach(threads, thread => thread.Start());
            started.Wait();

            classifier.Dispose();

            Array.ForEach(threads, thread => thread.Join());
            Assert.All(ended, error => Assert.IsType<ObjectDisposedException>(error));
        }
    }
}
