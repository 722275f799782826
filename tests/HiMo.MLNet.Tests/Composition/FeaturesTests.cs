using Microsoft.ML;
using Microsoft.ML.Data;
using Microsoft.ML.Trainers;
using Microsoft.ML.Transforms;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Embeddings as features of ML.NET's own trainers.</summary>
public sealed class FeaturesTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Labelled
    {
        public string ImagePath { get; set; } = "";
        public string Label { get; set; } = "";
    }

    /// <summary>The four images of one colour, sixteen times each, labelled with the colour.</summary>
    private IDataView Data => tiny.MLContext.Data.LoadFromEnumerable(Enumerable.Range(0, 64).Select(i => tiny.Images.Rows[i % 4 * 5])
        .Select(r => new Labelled { ImagePath = r.ImagePath, Label = Path.GetFileName(r.ImagePath).Split('-')[0] }).ToArray());

    /// <summary>Trainers read their data many times: in front of the cache checkpoint, every image is embedded once.</summary>
    private IEstimator<ITransformer> Probe => tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)
        .AppendCacheCheckpoint(tiny.MLContext)
        .Append(tiny.MLContext.MulticlassClassification.Trainers.SdcaMaximumEntropy(new SdcaMaximumEntropyMulticlassTrainer.Options
        {
            FeatureColumnName = "ImageEmbedding",
            NumberOfThreads = 1,
            MaximumNumberOfIterations = 50,
        }));

    [Fact]
    public void A_linear_probe_learns_from_embeddings_and_ML_NET_evaluates_it()
    {
        EstimatorChain<KeyToValueMappingTransformer> pipeline = tiny.MLContext.Transforms.Conversion.MapValueToKey("Label").Append(Probe)
            .Append(tiny.MLContext.Transforms.Conversion.MapKeyToValue("PredictedColour", "PredictedLabel"));

        IDataView scored = pipeline.Fit(Data).Transform(Data);

        Assert.Equal(1, tiny.MLContext.MulticlassClassification.Evaluate(scored).MicroAccuracy);
        Assert.Equal(Data.GetColumn<string>("Label"), scored.GetColumn<string>("PredictedColour"));
    }

    [Fact]
    public void A_key_is_a_label_as_good_as_a_text()
    {
        IDataView keyed = tiny.MLContext.Transforms.Conversion.MapValueToKey("Label").Fit(Data).Transform(Data);

        IDataView scored = Probe.Fit(keyed).Transform(keyed);

        Assert.Equal(1, tiny.MLContext.MulticlassClassification.Evaluate(scored).MicroAccuracy);
        Assert.Equal(keyed.GetColumn<uint>("Label"), scored.GetColumn<uint>("PredictedLabel"));
    }

    [Fact]
    public void Cross_validation_fits_the_whole_pipeline_in_every_fold()
    {
        EstimatorChain<ITransformer> pipeline = tiny.MLContext.Transforms.Conversion.MapValueToKey("Label").Append(Probe);

        IReadOnlyList<TrainCatalogBase.CrossValidationResult<MulticlassClassificationMetrics>> folds = tiny.MLContext.MulticlassClassification.CrossValidate(Data, pipeline, numberOfFolds: 2);

        Assert.Equal([0, 1], folds.Select(f => f.Fold));
        Assert.All(folds, fold => Assert.Equal(1, fold.Metrics.MicroAccuracy));
        foreach (TrainCatalogBase.CrossValidationResult<MulticlassClassificationMetrics>? fold in folds)
        {
            ((IDisposable)fold.Model).Dispose();
        }
    }

    [Fact]
    public void A_cached_view_embeds_once()
    {
        // An image that is gone after the first pass cannot be read in a second one.
        string passing = tiny.FileName("passing.png");
        File.Copy(tiny.Images.Rows[0].ImagePath, passing, overwrite: true);
        IDataView one = tiny.MLContext.Data.LoadFromEnumerable([new Labelled { ImagePath = passing }]);
        using HiMoClipTransformer model = tiny.Fit();
        IDataView cached = tiny.MLContext.Data.Cache(model.Transform(one), "ImageEmbedding");

        float[] first = cached.GetColumn<float[]>("ImageEmbedding").Single();
        File.Delete(passing);

        Assert.Equal(first, cached.GetColumn<float[]>("ImageEmbedding").Single());
        Assert.Throws<ImageReadException>(() => model.Transform(one).GetColumn<float[]>("ImageEmbedding").Single());
    }

    [Fact]
    public void KMeans_clusters_embeddings()
    {
        // Two images, many times each: two clusters, whatever the weights.
        IDataView two = tiny.MLContext.Data.LoadFromEnumerable(Enumerable.Range(0, 20).Select(i => new Labelled { ImagePath = tiny.Images.Rows[i % 2 * 5].ImagePath }).ToArray());
        TransformerChain<ClusteringPredictionTransformer<KMeansModelParameters>> model = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint).Append(tiny.MLContext.Clustering.Trainers.KMeans("ImageEmbedding", numberOfClusters: 2)).Fit(two);

        uint[] clusters = [.. model.Transform(two).GetColumn<uint>("PredictedLabel")];

        Assert.NotEqual(clusters[0], clusters[1]);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => clusters[i % 2]), clusters);
    }
}
