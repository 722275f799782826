using Microsoft.Extensions.ObjectPool;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.Web;

/// <summary>
/// One model, and a pool of prediction engines over it: an engine serves one request at a time, and all share one copy of the
/// weights.
/// </summary>
internal sealed class Classifier : IDisposable
{
    /// <summary>The largest upload, in bytes.</summary>
    public const long LargestPicture = 20_000_000;

    private readonly ITransformer _model;
    private readonly ObjectPool<PredictionEngine<Picture, Prediction>> _engines;

    /// <param name="path">A model that was saved with labels.</param>
    public Classifier(string path)
    {
        var mlContext = new MLContext();
        _model = mlContext.Model.Load(path, out _);
        IDataView none = mlContext.Data.LoadFromEnumerable(Array.Empty<Picture>());
        if (_model.GetOutputSchema(none.Schema)["PredictedLabel"].Type is KeyDataViewType)
        {
            _model = _model.Append(mlContext.Transforms.Conversion.MapKeyToValue("PredictedLabel").Fit(_model.Transform(none)));
        }

        _engines = new DefaultObjectPool<PredictionEngine<Picture, Prediction>>(new Engines(mlContext, _model), maximumRetained: 4 * Environment.ProcessorCount);
        PredictionEngine<Picture, Prediction> first = _engines.Get();
        VBuffer<ReadOnlyMemory<char>> labels = default;
        first.OutputSchema["Score"].GetSlotNames(ref labels);
        Labels = [.. labels.DenseValues().Select(label => label.ToString())];
        _engines.Return(first);
    }

    public IReadOnlyList<string> Labels { get; }

    /// <returns>The label (null: none of these, for a model with a threshold) and the probabilities of all, best first.</returns>
    /// <exception cref="ImageReadException">The stream holds no picture.</exception>
    public async Task<Answer> ClassifyAsync(Stream picture, CancellationToken cancellation)
    {
        // A model reads files, in the very way it read them in training, with a limit on the pixels of a picture.
        string path = Path.GetTempFileName();
        try
        {
            await using (FileStream file = File.Create(path))
            {
                await picture.CopyToAsync(file, cancellation);
            }

            PredictionEngine<Picture, Prediction> engine = _engines.Get();
            try
            {
                Prediction prediction = engine.Predict(new Picture { ImagePath = path });
                return new(prediction.PredictedLabel is { Length: > 0 } label ? label : null,
                    Labels.Zip(prediction.Score).OrderByDescending(scored => scored.Second).ToDictionary(scored => scored.First, scored => scored.Second));
            }
            finally
            {
                _engines.Return(engine);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    public void Dispose() => (_model as IDisposable)?.Dispose();

    internal sealed record Answer(string? Label, IReadOnlyDictionary<string, float> Probabilities);

    internal sealed class Picture
    {
        public string ImagePath { get; set; } = "";
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
