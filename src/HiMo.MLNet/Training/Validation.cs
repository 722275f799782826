using HiMo.MLNet.Objectives;
using Microsoft.ML;

namespace HiMo.MLNet.Training;

/// <summary>Judges a model in training on pairs that it does not train on.</summary>
/// <param name="metric">By what.</param>
/// <param name="batches">The validation pairs, in their order and without augmentation.</param>
/// <param name="model">The model in training.</param>
/// <param name="data">The validation set.</param>
internal sealed class Validation(ValidationMetric metric, Func<CancellationToken, IAsyncEnumerable<ContrastiveBatch>> batches, HiMoClipTransformer model, IDataView data)
{
    public bool HigherIsBetter => metric != ValidationMetric.Loss;

    public async Task<double> ScoreAsync(ContrastiveStep step, CancellationToken cancellation)
    {
        if (metric == ValidationMetric.HiMoAt3)
        {
            return model.EvaluateMonotonicity(data, 3).Score;
        }

        if (metric == ValidationMetric.RecallAt1)
        {
            RetrievalMetrics recall = model.EvaluateRetrieval(data);
            return (recall.ImageToTextRecallAt1 + recall.TextToImageRecallAt1) / 2;
        }
        double sum = 0;
        long count = 0;
        await foreach (ContrastiveBatch batch in batches(cancellation))
        {
            using (batch)
            {
                sum += step.Evaluate(batch).Loss * batch.Count;
                count += batch.Count;
            }
        }

        return sum / count;
    }
}
