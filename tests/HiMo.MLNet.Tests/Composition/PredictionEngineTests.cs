using HiMo.MLNet.Modeling;
using Microsoft.ML;
using Microsoft.ML.Data;
using TorchSharp;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Rows one at a time, from many threads. Tensors are counted over the whole process, so these run alone.</summary>
[Collection(MeasuresMemory.Name)]
public sealed class PredictionEngineTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Prediction
    {
        public float[] ImageEmbedding { get; set; } = [];
        public float[] TextEmbedding { get; set; } = [];
        public float[] Score { get; set; } = [];
        public uint PredictedLabel { get; set; }
    }

    private sealed class TextOnly
    {
        public float[] TextEmbedding { get; set; } = [];
    }

    [Fact]
    public void Engines_on_many_threads_share_one_copy_of_the_weights()
    {
        using HiMoClipTransformer model = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint, labels: ["red", "green", "blue"]).Fit(tiny.Data);
        List<ToyImages.Row> rows = tiny.Images.Rows;
        Prediction[] expected = [.. rows.Select(tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model).Predict)];
        GC.Collect();
        GC.WaitForPendingFinalizers();                                        // of models that other tests left behind
        long tensors = torch.Tensor.TotalCount;

        PredictionEngine<ToyImages.Row, Prediction>[] engines = Enumerable.Range(0, 8).Select(_ => tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model)).ToArray();
        Assert.Equal(tensors, torch.Tensor.TotalCount);
        var predictions = new Prediction[engines.Length][];
        OnThreads(engines.Length, thread => predictions[thread] = [.. rows.Select(engines[thread].Predict)]);

        Assert.Equal(tensors, torch.Tensor.TotalCount);
        foreach (Prediction[] ofOne in predictions)
        {
            for (int i = 0; i < rows.Count; i++)
            {
                TinyModel.Close(expected[i].ImageEmbedding, ofOne[i].ImageEmbedding);
                TinyModel.Close(expected[i].TextEmbedding, ofOne[i].TextEmbedding);
                TinyModel.Close(expected[i].Score, ofOne[i].Score);
                Assert.Equal(expected[i].PredictedLabel, ofOne[i].PredictedLabel);
            }
        }
    }

    [Fact]
    public void Cursors_of_one_view_run_in_parallel()
    {
        using HiMoClipTransformer model = tiny.Fit();
        // More than a batch of rows.
        IDataView scored = model.Transform(tiny.MLContext.Data.LoadFromEnumerable(Enumerable.Repeat(tiny.Images.Rows, 3).SelectMany(rows => rows).ToArray()));
        float[][] expected = [.. scored.GetColumn<float[]>("ImageEmbedding")];
        Assert.Equal(48, expected.Length);

        float[][][] columns = new float[4][][];
        OnThreads(columns.Length, thread => columns[thread] = [.. scored.GetColumn<float[]>("ImageEmbedding")]);

        Assert.All(columns, column => Assert.Equal(expected, column));
    }

    [Fact]
    public void Shuffled_rows_keep_their_values_together()
    {
        using HiMoClipTransformer model = tiny.Fit();
        IDataView scored = model.Transform(tiny.MLContext.Data.Cache(tiny.Data));
        var expected = tiny.Images.Rows.Select(r => r.Caption).Zip(scored.GetColumn<float[]>("TextEmbedding")).ToDictionary(p => p.First, p => p.Second);

        using DataViewRowCursor cursor = scored.GetRowCursor([scored.Schema["Caption"], scored.Schema["TextEmbedding"]], new Random(5));
        ValueGetter<ReadOnlyMemory<char>> getCaption = cursor.GetGetter<ReadOnlyMemory<char>>(scored.Schema["Caption"]);
        ValueGetter<VBuffer<float>> getEmbedding = cursor.GetGetter<VBuffer<float>>(scored.Schema["TextEmbedding"]);
        List<string> order = [];
        ReadOnlyMemory<char> caption = default;
        VBuffer<float> embedding = default;
        while (cursor.MoveNext())
        {
            getCaption(ref caption);
            getEmbedding(ref embedding);
            order.Add(caption.ToString());
            TinyModel.Close(expected[caption.ToString()], [.. embedding.DenseValues()]);
        }

        Assert.Equal(expected.Keys.Order(), order.Order());
        Assert.NotEqual(expected.Keys, order);
    }

    [Fact]
    public void An_engine_computes_only_what_its_class_reads()
    {
        using HiMoClipTransformer model = tiny.Fit();
        using PredictionEngine<ToyImages.Row, TextOnly> texts = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, TextOnly>(model);

        Assert.Equal(32, texts.Predict(new() { ImagePath = "/no/such/image.png", Caption = "Two colours." }).TextEmbedding.Length);
    }

    [Fact]
    public void An_engine_goes_on_after_a_image_that_cannot_be_read()
    {
        using HiMoClipTransformer model = tiny.Fit();
        using PredictionEngine<ToyImages.Row, Prediction> engine = tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model);
        float[] expected = engine.Predict(tiny.Images.Rows[2]).ImageEmbedding;

        ImageReadException error = Assert.Throws<ImageReadException>(() => engine.Predict(new() { ImagePath = "/no/such/image.png", Caption = "Gone." }));

        Assert.Contains("/no/such/image.png", error.Message, StringComparison.Ordinal);
        Assert.Equal(expected, engine.Predict(tiny.Images.Rows[2]).ImageEmbedding);
    }

    [Fact]
    public void An_engine_owns_the_model_unless_told_otherwise_as_in_ML_NET()
    {
        using HiMoClipTransformer model = tiny.Fit();
        tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model, new PredictionEngineOptions { OwnsTransformer = false }).Dispose();
        Assert.Equal(16, model.Transform(tiny.Data).GetColumn<float[]>("ImageEmbedding").Count());

        tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model).Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.Transform(tiny.Data));
    }

    [Fact]
    public void Disposing_a_model_in_use_lets_predictions_finish_and_refuses_more()
    {
        HiMoClipTransformer model = tiny.Fit();
        torch.Tensor[] weights = [.. ClipWeights.Tensors(model.Encoder.Weights).Values];
        var errors = new Exception[4];
        PredictionEngine<ToyImages.Row, Prediction>[] engines = errors.Select(_ => tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model)).ToArray();
        using var started = new CountdownEvent(errors.Length);

        OnThreads(errors.Length + 1, thread =>
        {
            if (thread == errors.Length)
            {
                started.Wait();
                model.Dispose();
                return;
            }
            PredictionEngine<ToyImages.Row, Prediction> engine = engines[thread];
            try
            {
                engine.Predict(tiny.Images.Rows[thread]);
            }
            finally
            {
                started.Signal();
            }
            void PredictWithoutEnd()
            {
                while (true)
                {
                    engine.Predict(tiny.Images.Rows[thread]);
                }
            }
            errors[thread] = Assert.ThrowsAny<Exception>(PredictWithoutEnd);
        });

        Assert.All(errors, error => Assert.IsType<ObjectDisposedException>(error));
        Assert.All(weights, weight => Assert.True(weight.IsInvalid));
        Assert.Throws<ObjectDisposedException>(() => tiny.MLContext.Model.CreatePredictionEngine<ToyImages.Row, Prediction>(model));
        Assert.Throws<ObjectDisposedException>(() => tiny.MLContext.Model.Save(model, tiny.Data.Schema, tiny.FileName("disposed.zip")));
    }

    private static void OnThreads(int count, Action<int> work)
    {
        var failures = new Exception?[count];
        Thread[] threads = [.. Enumerable.Range(0, count).Select(i => new Thread(() => failures[i] = Record.Exception(new Action(() => work(i)))))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.All(failures, Assert.Null);
    }
}
