using Microsoft.ML;

namespace HiMo.MLNet.Samples.ModelBuilder;

public partial class ZeroShotImages
{
    /// <summary>The classes, in words. There are no images of them to train on.</summary>
    private static readonly string[] s_labels =
    [
        "an animal that is a mammal", "an animal that is a bird", "an animal of the sea", "a food that is a fruit", "transport on land",
        "something to wear", "a tool", "a geometric shape", "a building or building material", "a measure of time",
    ];

    /// <summary>What a caption of such an image says; with CLIP checkpoints, "a photo of {0}." does well.</summary>
    private static readonly string[] s_templates = ["{0}."];

    /// <summary>
    /// Makes a classifier out of a CLIP checkpoint and the labels.
    /// </summary>
    /// <param name="outputModelPath">File path for saving the model. Should be similar to "C:\YourPath\ModelName.mlnet".</param>
    /// <param name="checkpoint">A CLIP checkpoint, as HiMoClip takes it.</param>
    public static void Train(string outputModelPath, string checkpoint)
    {
        var mlContext = new MLContext();

        IDataView data = LoadIDataViewFromEnumerable(mlContext, []);
        ITransformer model = RetrainModel(mlContext, data, checkpoint);
        SaveModel(mlContext, model, data, outputModelPath);
    }

    /// <summary>
    /// Loads images, for the schema (none are needed) or to classify many at once.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="imagePaths">File paths of images.</param>
    public static IDataView LoadIDataViewFromEnumerable(MLContext mlContext, IEnumerable<string> imagePaths) =>
        mlContext.Data.LoadFromEnumerable(imagePaths.Select(path => new ModelInput { ImagePath = path }));

    /// <summary>
    /// Save a model at the specified path.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="model">Model to save.</param>
    /// <param name="data">IDataView used to train the model.</param>
    /// <param name="modelSavePath">File path for saving the model.</param>
    public static void SaveModel(MLContext mlContext, ITransformer model, IDataView data, string modelSavePath) =>
        mlContext.Model.Save(model, data.Schema, modelSavePath);

    /// <summary>
    /// Retrain model using the pipeline.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="trainData">Data with the columns of <see cref="ModelInput"/>; its rows are not read.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static ITransformer RetrainModel(MLContext mlContext, IDataView trainData, string checkpoint) =>
        BuildPipeline(mlContext, checkpoint).Fit(trainData);

    /// <summary>
    /// Build the pipeline: the probability of every label, and the best one as text.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, string checkpoint) =>
        mlContext.Transforms.HiMoClip(checkpoint, captionColumnName: null, labels: s_labels, templates: s_templates)
            .Append(mlContext.Transforms.Conversion.MapKeyToValue(outputColumnName: "PredictedLabel", inputColumnName: "PredictedLabel"));
}
