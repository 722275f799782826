using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Samples.ModelBuilder;

/// <summary>How well long captions match an image.</summary>
public partial class CaptionMatching
{
    /// <summary>
    /// model input class for CaptionMatching.
    /// </summary>
    public class ModelInput
    {
        [LoadColumn(0)]
        public string ImagePath { get; set; } = "";

        [LoadColumn(1)]
        public string Caption { get; set; } = "";
    }

    /// <summary>
    /// model output class for CaptionMatching.
    /// </summary>
    public class ModelOutput
    {
        /// <summary>The cosine of the image and the caption, in [-1, 1].</summary>
        public float Similarity { get; set; }
    }

    private static readonly string MLNetModelPath = Path.GetFullPath("CaptionMatching.mlnet");

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
    /// Use this method to compare captions of one image.
    /// </summary>
    /// <param name="imagePath">File path of the image.</param>
    /// <param name="captions">The captions; they stand in the place of labels.</param>
    /// <returns>Captions and similarities, best first.</returns>
    public static IOrderedEnumerable<KeyValuePair<string, float>> PredictAllLabels(string imagePath, IEnumerable<string> captions) =>
        captions.Select(caption =>
            KeyValuePair.Create(caption, Predict(new ModelInput { ImagePath = imagePath, Caption = caption }).Similarity))
            .OrderByDescending(c => c.Value);
}
