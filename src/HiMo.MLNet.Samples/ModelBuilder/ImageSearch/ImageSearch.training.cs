using Microsoft.ML;

namespace HiMo.MLNet.Samples.ModelBuilder;

public partial class ImageSearch
{
    /// <summary>The images found for a sentence.</summary>
    private const int ResultCount = 5;

    /// <summary>
    /// Embeds all images of a folder, and saves the embeddings together with the CLIP model.
    /// </summary>
    /// <param name="outputModelPath">File path for saving the model. Should be similar to "C:\YourPath\ModelName.mlnet".</param>
    /// <param name="inputDataFolderPath">Path to the images, in the folder or in those below it.</param>
    /// <param name="checkpoint">A CLIP checkpoint, as HiMoClip takes it.</param>
    public static void Train(string outputModelPath, string inputDataFolderPath, string checkpoint)
    {
        var mlContext = new MLContext();

        IDataView data = LoadIDataViewFromFolder(mlContext, inputDataFolderPath);
        ITransformer model = RetrainModel(mlContext, data, checkpoint);
        SaveModel(mlContext, model, data, outputModelPath);
    }

    private sealed class Image
    {
        public string ImagePath { get; set; } = "";
    }

    /// <summary>
    /// Load an IDataView from a folder path.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="folder">Folder with the images to search.</param>
    public static IDataView LoadIDataViewFromFolder(MLContext mlContext, string folder)
    {
        string[] allowedImageExtensions = new[] { ".png", ".jpg", ".jpeg", ".gif" };
        return mlContext.Data.LoadFromEnumerable(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(path => allowedImageExtensions.Contains(Path.GetExtension(path), StringComparer.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)
            .Select(path => new Image { ImagePath = Path.GetFullPath(path) }).ToArray());
    }

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
    /// <param name="trainData">The images to search; each is read once.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static ITransformer RetrainModel(MLContext mlContext, IDataView trainData, string checkpoint) =>
        BuildPipeline(mlContext, checkpoint).Fit(trainData);

    /// <summary>
    /// Build the pipeline: embeddings, and the images nearest to that of a sentence.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, string checkpoint) =>
        mlContext.Transforms.HiMoClip(checkpoint)
            .Append(mlContext.Transforms.HiMoClipImageSearch(k: ResultCount));
}
