using HiMo.MLNet.Objectives;
using Microsoft.ML;

namespace HiMo.MLNet.Training;

/// <summary>Judges a model in training on pairs that it does not train on.</summary>
/// <param name="options">The metric, and the share of these pairs that may be unreadable.</param>
/// <param name="batches">The validation pairs without augmentation.</param>
/// <param name="model">The model in training.</param>
/// <param name="data">The validation set.</param>
internal sealed class Validation(HiMoClipOptions options, TrainingData batches, HiMoClipTransformer model, IDataView data)
{
    private readonly HiMoClipEvaluationOptions _evaluation = new()
    {
        MaxUnreadableShare = options.MaxUnreadableShare,
        CancellationToken = options.CancellationToken,
    };

    public bool HigherIsBetter => options.ValidationMetric != ValidationMetric.Loss;

    public double Score(ContrastiveStep step)
    {
        if (options.ValidationMetric == ValidationMetric.HiMoAt3)
        {
            return HiMoClipEvaluation.EvaluateMonotonicity(model, data, 3, _evaluation).Score;
        }

        if (options.ValidationMetric == ValidationMetric.RecallAt1)
        {
            RetrievalMetrics recall = HiMoClipEvaluation.EvaluateRetrieval(model, data, _evaluation);
            return (recall.ImageToTextRecallAt1 + recall.TextToImageRecallAt1) / 2;
        }

        double sum = 0;
        long count = 0;
        foreach (PreparedBatch prepared in batches.InOrder(options.CancellationToken))
        {
            using ContrastiveBatch batch = prepared.ToTensors();
            sum += step.Evaluate(batch).Loss * batch.Count;
            count += batch.Count;
        }

        return sum / count;
    }
}
