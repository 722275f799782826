using HiMo.MLNet.Objectives;

namespace HiMo.MLNet.Training;

/// <summary>Judges a model in training on pairs that it does not train on.</summary>
/// <param name="options">The metric.</param>
/// <param name="batches">The validation pairs without augmentation.</param>
/// <param name="measure">Any metric but the loss, of the model as it is when called.</param>
internal sealed class Validation(TrainingOptions options, TrainingData batches, Func<ValidationMetric, double> measure)
{
    public bool HigherIsBetter => options.ValidationMetric != ValidationMetric.Loss;

    public double Score(ContrastiveStep step)
    {
        if (options.ValidationMetric != ValidationMetric.Loss)
        {
            return measure(options.ValidationMetric);
        }

        double sum = 0;
        long count = 0;
        foreach (PreparedBatch prepared in batches.InOrder(options.CancellationToken).Where(prepared => prepared.Count > 1))
        {
            using ContrastiveBatch batch = prepared.ToTensors();
            sum += step.Evaluate(batch).Loss * batch.Count;
            count += batch.Count;
        }

        return sum / count;
    }
}
