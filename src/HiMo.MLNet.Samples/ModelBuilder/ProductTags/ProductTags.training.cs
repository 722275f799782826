using System.Numerics.Tensors;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.ModelBuilder;

public partial class ProductTags
{
    /// <summary>The tags, in words.</summary>
    private static readonly string[] s_tags = ["something to wear", "a drink", "a tool", "a household item", "an office item",
        "a musical instrument", "a food that is a fruit"];

    /// <summary>What a caption of such an image says; with CLIP checkpoints, "a photo of {0}." does well.</summary>
    private const string Template = "{0}.";

    public const char RetrainSeparatorChar = '\t';
    public const bool RetrainHasHeader = true;

    /// <summary>
    /// Makes a classifier out of a CLIP checkpoint and the tags, with a threshold measured on images of known tag or none.
    /// </summary>
    /// <param name="outputModelPath">File path for saving the model. Should be similar to "C:\YourPath\ModelName.mlnet".</param>
    /// <param name="inputDataFilePath">Path to the data file for training.</param>
    /// <param name="checkpoint">A CLIP checkpoint, as HiMoClip takes it.</param>
    /// <param name="separatorChar">Separator character for delimited training file.</param>
    /// <param name="hasHeader">Boolean if training file has a header.</param>
    public static void Train(
        string outputModelPath, string inputDataFilePath, string checkpoint, char separatorChar = RetrainSeparatorChar,
        bool hasHeader = RetrainHasHeader)
    {
        var mlContext = new MLContext(seed: 1);

        IDataView data = LoadIDataViewFromFile(mlContext, inputDataFilePath, separatorChar, hasHeader);
        ITransformer model = RetrainModel(mlContext, data, checkpoint);
        SaveModel(mlContext, model, data, outputModelPath);
    }

    /// <summary>
    /// Load an IDataView from a file path.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="inputDataFilePath">Path to the data file for training.</param>
    /// <param name="separatorChar">Separator character for delimited training file.</param>
    /// <param name="hasHeader">Boolean if training file has a header.</param>
    public static IDataView LoadIDataViewFromFile(MLContext mlContext, string inputDataFilePath, char separatorChar, bool hasHeader) =>
        mlContext.Data.LoadFromTextFile<ModelInput>(inputDataFilePath, separatorChar, hasHeader);

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
    /// <param name="trainData">Images with their tag as label; those of none of the tags have any other label, or an empty one.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static ITransformer RetrainModel(MLContext mlContext, IDataView trainData, string checkpoint) =>
        BuildPipeline(mlContext, checkpoint, MeasureThreshold(mlContext, trainData, checkpoint)).Fit(trainData);

    /// <summary>
    /// Build the pipeline: the probability of every tag, and the best one as text, or the empty text below the threshold.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    /// <param name="threshold">The cosine that an image needs with its tag.</param>
    public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, string checkpoint, float threshold) =>
        mlContext.Transforms.HiMoClip(checkpoint, captionColumnName: null, labels: s_tags, templates: [Template],
            threshold: threshold)
            .Append(mlContext.Transforms.Conversion.MapKeyToValue(outputColumnName: "PredictedLabel", inputColumnName: "PredictedLabel"));

    private sealed class Sentence
    {
        public string Caption { get; set; } = "";
    }

    /// <summary>
    /// The threshold that tells images of the tags from the others best: the one with the highest mean of the share of tagged
    /// images that stay at or above it and the share of others below it.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="images">Images with their labels, some of no tag.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    /// <exception cref="InvalidOperationException">All images have one of the tags, or none has.</exception>
    public static float MeasureThreshold(MLContext mlContext, IDataView images, string checkpoint)
    {
        IDataView sentences = mlContext.Data
            .LoadFromEnumerable(s_tags.Select(tag => new Sentence { Caption = string.Format(null, Template, tag) }));
        using HiMoClipTransformer clip = mlContext.Transforms.HiMoClip(checkpoint).Fit(sentences);
        float[][] tags = [.. clip.Transform(sentences).GetColumn<float[]>("TextEmbedding")];
        IEnumerable<float> best = clip.Transform(images).GetColumn<float[]>("ImageEmbedding")
            .Select(image => tags.Max(tag => TensorPrimitives.Dot<float>(image, tag)));
        IEnumerable<bool> isTagged = images.GetColumn<string>("Label").Select(label => s_tags.Contains(label));
        ILookup<bool, float> groups = best.Zip(isTagged).ToLookup(image => image.Second, image => image.First);
        int tagged = groups[true].Count(), others = groups[false].Count();
        if (tagged == 0 || others == 0)
        {
            throw new InvalidOperationException(
                $"A threshold is measured between images with a tag and images without: found {tagged} and {others}.");
        }

        return groups[true].MaxBy(threshold =>
            groups[true].Count(cosine => cosine >= threshold) / (double)tagged
                + groups[false].Count(cosine => cosine < threshold) / (double)others);
    }
}
