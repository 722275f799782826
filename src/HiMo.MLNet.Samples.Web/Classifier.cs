using Microsoft.Extensions.ObjectPool;
using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Transforms.Image;

namespace HiMo.MLNet.Samples.Web;

/// <summary>
/// One model, and a pool of prediction engines over it: an engine serves one request at a time, and all share one copy of the
/// weights.
/// </summary>
internal sealed class Classifier : IDisposable
{
    private readonly ITransformer _model;
    private readonly ObjectPool<PredictionEngine<Picture, Prediction>> _engines;
    private readonly SemaphoreSlim _turns;
    private readonly int _maxPixels;

    /// <param name="path">A model that was saved with labels.</param>
    /// <param name="limits">How many pictures at a time, and how large.</param>
    public Classifier(string path, Limits limits)
    {
        _maxPixels = limits.MaxPixels;
        _turns = new(limits.Concurrency);
        var mlContext = new MLContext();
        _model = mlContext.Model.Load(path, out _);
        IDataView none = mlContext.Data.LoadFromEnumerable(Array.Empty<Picture>());
        if (_model.GetOutputSchema(none.Schema).GetColumnOrNull("PredictedLabel") is not { } predicted)
        {
            throw new InvalidDataException($"{path}: expected a model that was saved with labels, found none.");
        }

        if (predicted.Type is KeyDataViewType)
        {
            _model = _model.Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(_model.Transform(none)));
        }

        _engines = new DefaultObjectPool<PredictionEngine<Picture, Prediction>>(new Engines(mlContext, _model), maximumRetained: limits.Concurrency);
        PredictionEngine<Picture, Prediction> first = _engines.Get();
        VBuffer<ReadOnlyMemory<char>> labels = default;
        first.OutputSchema["Score"].GetSlotNames(ref labels);
        Labels = [.. labels.DenseValues().Select(label => label.ToString())];
        _engines.Return(first);
    }

    public IReadOnlyList<string> Labels { get; }

    /// <summary>Waits for its turn: pictures are small as files, and large when they are decoded.</summary>
    /// <returns>The label (null: none of these, for a model with a threshold) and the probabilities of all, best first.</returns>
    /// <exception cref="BadHttpRequestException">It is no picture, or too large.</exception>
    public async Task<Answer> ClassifyAsync(byte[] picture, CancellationToken cancellation)
    {
        await _turns.WaitAsync(cancellation);
        try
        {
            using MLImage image = PictureDecoder.Decode(picture, _maxPixels);
            return Classify(image);
        }
        finally
        {
            _turns.Release();
        }
    }

    private Answer Classify(MLImage image)
    {
        PredictionEngine<Picture, Prediction> engine = _engines.Get();
        Prediction prediction = engine.Predict(new Picture { ImagePath = image });
        _engines.Return(engine);                                              // one that has failed is not used again
        return new(prediction.PredictedLabel is { Length: > 0 } label ? label : null,
            Labels.Zip(prediction.Score).OrderByDescending(scored => scored.Second).ToDictionary(scored => scored.First, scored => scored.Second));
    }

    public void Dispose()
    {
        (_model as IDisposable)?.Dispose();
        _turns.Dispose();
    }

    internal sealed record Answer(string? Label, IReadOnlyDictionary<string, float> Probabilities);

    /// <summary>The column of a model that was trained on paths takes pictures in memory as well.</summary>
    internal sealed class Picture
    {
        [ImageType(1, 1)]                                                     // of any size; ML.NET asks for one
        public MLImage? ImagePath { get; set; }
    }

    internal sealed class Prediction
    {
        public string PredictedLabel { get; set; } = "";
        public float[] Score { get; set; } = [];
    }

    private sealed class Engines(MLContext mlContext, ITransformer model) : PooledObjectPolicy<PredictionEngine<Picture, Prediction>>
    {
        // By default an engine disposes the model with itself, and the pool disposes the engines that it has too many of.
        public override PredictionEngine<Picture, Prediction> Create() =>
            mlContext.Model.CreatePredictionEngine<Picture, Prediction>(model, new PredictionEngineOptions { OwnsTransformer = false });

        public override bool Return(PredictionEngine<Picture, Prediction> engine) => true;
    }
}
