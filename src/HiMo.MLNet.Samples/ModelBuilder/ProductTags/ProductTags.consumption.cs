using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.ModelBuilder;

/// <summary>Tags for images of products; what is none of them gets the empty tag.</summary>
public partial class ProductTags
{
    /// <summary>
    /// model input class for ProductTags.
    /// </summary>
    #region model input class
    public class ModelInput
    {
        [LoadColumn(0)]
        [ColumnName(@"ImagePath")]
        public string ImagePath { get; set; } = "";

        [LoadColumn(1)]
        [ColumnName(@"Label")]
        public string Label { get; set; } = "";
    }

    #endregion

    /// <summary>
    /// model output class for ProductTags.
    /// </summary>
    #region model output class
    public class ModelOutput
    {
        /// <summary>The tag; empty for an image that none of them fits.</summary>
        [ColumnName(@"PredictedLabel")]
        public string PredictedLabel { get; set; } = "";

        [ColumnName(@"Score")]
        public float[] Score { get; set; } = [];
    }

    #endregion

    private static readonly string MLNetModelPath = Path.GetFullPath("ProductTags.mlnet");

    public static readonly Lazy<PredictionEngine<ModelInput, ModelOutput>> PredictEngine = new(() => CreatePredictEngine(), true);

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
    public static ModelOutput Predict(ModelInput input)
    {
        PredictionEngine<ModelInput, ModelOutput> predEngine = PredictEngine.Value;
        return predEngine.Predict(input);
    }

    /// <summary>
    /// Use this method to predict scores for all possible labels.
    /// </summary>
    /// <param name="input">model input.</param>
    /// <returns>Labels and scores, best first.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> PredictAllLabels(ModelInput input)
    {
        PredictionEngine<ModelInput, ModelOutput> predEngine = PredictEngine.Value;
        ModelOutput result = predEngine.Predict(input);
        return GetSortedScoresWithLabels(result);
    }

    /// <summary>
    /// Map the unlabeled result score array to the label names.
    /// </summary>
    /// <param name="result">Prediction to get the labeled scores from.</param>
    /// <returns>Ordered list of label and score.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> GetSortedScoresWithLabels(ModelOutput result)
    {
        return GetLabels().Zip(result.Score, (label, score) => KeyValuePair.Create(label, score)).OrderByDescending(c => c.Value);
    }

    /// <summary>
    /// Get the label names in the order of the scores.
    /// </summary>
    private static IEnumerable<string> GetLabels()
    {
        VBuffer<ReadOnlyMemory<char>> labels = default;
        PredictEngine.Value.OutputSchema[@"Score"].GetSlotNames(ref labels);
        return labels.DenseValues().Select(label => label.ToString());
    }
}
