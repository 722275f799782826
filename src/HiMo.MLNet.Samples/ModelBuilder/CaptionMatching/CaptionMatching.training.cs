using Microsoft.ML;

namespace HiMo.MLNet.Samples.ModelBuilder;

public partial class CaptionMatching
{
    public const char RetrainSeparatorChar = '\t';
    public const bool RetrainHasHeader = true;

    /// <summary>
    /// Fine-tunes a CLIP checkpoint on images with long captions.
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
    /// <param name="trainData">Images with captions.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static ITransformer RetrainModel(MLContext mlContext, IDataView trainData, string checkpoint) =>
        BuildPipeline(mlContext, checkpoint).Fit(trainData);

    /// <summary>
    /// Build the pipeline: HiMo-CLIP's objective, in the memory of 32 images at a time.
    /// </summary>
    /// <param name="mlContext">The common context for all ML.NET operations.</param>
    /// <param name="checkpoint">A CLIP checkpoint.</param>
    public static IEstimator<ITransformer> BuildPipeline(MLContext mlContext, string checkpoint) =>
        mlContext.Transforms.HiMoClip(new HiMoClipOptions
        {
            Checkpoint = checkpoint,
            Epochs = 1,
            BatchSize = 128,
            MicroBatchSize = 32,
        });
}
