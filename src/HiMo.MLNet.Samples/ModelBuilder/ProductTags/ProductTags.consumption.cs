using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.ModelBuilder;

/// <summary>Tags for images of products; what is none of them gets the empty tag.</summary>
public partial class ProductTags
{
    /// <summary>
    /// model input class for ProductTags.
    /// </summary>
    public class ModelInput
    {
        [LoadColumn(0)]
        public string ImagePath { get; set; } = "";

        [LoadColumn(1)]
        public string Label { get; set; } = "";
    }

    /// <summary>
    /// model output class for ProductTags.
    /// </summary>
    public class ModelOutput
    {
        /// <summary>The tag; empty for an image that none of them fits.</summary>
        public string PredictedLabel { get; set; } = "";

        public float[] Score { get; set; } = [];
    }

    private static readonly string MLNetModelPath = Path.GetFullPath("ProductTags.mlnet");

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
    /// Use this method to predict scores for all possible labels.
    /// </summary>
    /// <param name="input">model input.</param>
    /// <returns>Labels and scores, best first.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> PredictAllLabels(ModelInput input) =>
        GetSortedScoresWithLabels(Predict(input));

    /// <summary>
    /// Map the unlabeled result score array to the label names.
    /// </summary>
    /// <param name="result">Prediction to get the labeled scores from.</param>
    /// <returns>Ordered list of label and score.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> GetSortedScoresWithLabels(ModelOutput result) =>
        GetLabels().Zip(result.Score, (label, score) => KeyValuePair.Create(label, score)).OrderByDescending(c => c.Value);

    /// <summary>
    /// Get the label names in the order of the scores.
    /// </summary>
    private static IEnumerable<string> GetLabels()
    {
        VBuffer<ReadOnlyMemory<char>> labels = default;
        PredictEngine.Value.OutputSchema["Score"].GetSlotNames(ref labels);
        return labels.DenseValues().Select(label => label.ToString());
    }
}
