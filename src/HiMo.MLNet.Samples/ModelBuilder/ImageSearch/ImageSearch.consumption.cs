using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.ModelBuilder;

/// <summary>Image search by a sentence.</summary>
public partial class ImageSearch
{
    /// <summary>
    /// model input class for ImageSearch.
    /// </summary>
    public class ModelInput
    {
        /// <summary>What the images should show.</summary>
        [LoadColumn(0)]
        public string Caption { get; set; } = "";
    }

    /// <summary>
    /// model output class for ImageSearch.
    /// </summary>
    public class ModelOutput
    {
        /// <summary>File paths, best first.</summary>
        public string[] SearchResults { get; set; } = [];

        /// <summary>Their cosines with the sentence.</summary>
        public float[] SearchScores { get; set; } = [];
    }

    private static readonly string MLNetModelPath = Path.GetFullPath("ImageSearch.mlnet");

    public static readonly Lazy<PredictionEngine<ModelInput, ModelOutput>> PredictEngine = new(CreatePredictEngine);

    private static PredictionEngine<ModelInput, ModelOutput> CreatePredictEngine()
    {
        var mlContext = new MLContext();
        ITransformer mlModel = mlContext.Model.Load(MLNetModelPath, out DataViewSchema _);
        return mlContext.Model.CreatePredictionEngine<ModelInput, ModelOutput>(mlModel);
    }

    /// <summary>
    /// Use this method to predict on <see cref="ModelInput"/>.
    /// </summary>
    /// <param name="input">model input.</param>
    /// <returns><seealso cref="ModelOutput"/></returns>
    public static ModelOutput Predict(ModelInput input) =>
        PredictEngine.Value.Predict(input);

    /// <summary>
    /// Use this method to predict all results with their scores.
    /// </summary>
    /// <param name="input">model input.</param>
    /// <returns>Images and scores, best first.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> PredictAllLabels(ModelInput input)
    {
        ModelOutput result = Predict(input);
        return result.SearchResults.Zip(result.SearchScores, (image, score) => KeyValuePair.Create(image, score))
            .OrderByDescending(c => c.Value);
    }
}
