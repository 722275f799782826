namespace HiMo.MLNet.Training;

/// <summary>What the options come to for the data at hand.</summary>
/// <param name="StepsAnEpoch">Steps of one pass over the data.</param>
/// <param name="Steps">Steps of the whole training.</param>
/// <param name="LearningRate">The towers' rate after the warm-up.</param>
/// <param name="WarmupSteps">Steps of linear warm-up.</param>
/// <param name="MaxLogitScale">The upper bound of s; infinite for none.</param>
internal sealed record TrainingPlan(int StepsAnEpoch, int Steps, double LearningRate, int WarmupSteps, double MaxLogitScale)
{
    /// <summary>As published for HiMo-CLIP and Long-CLIP.</summary>
    private const int PublishedWarmup = 200;

    /// <param name="options">The settings.</param>
    /// <param name="pairs">The pairs of one pass.</param>
    /// <exception cref="InvalidOperationException">There are too few pairs.</exception>
    public static TrainingPlan Of(TrainingOptions options, long pairs)
    {
        if (pairs < 2)
        {
            throw new InvalidOperationException(
                $"Training contrasts images with each other: it needs at least 2 rows with an image and a caption; the data "
                + $"has {pairs}.");
        }

        int stepsAnEpoch = (int)((pairs / options.BatchSize) + (!options.DropLastBatch && pairs % options.BatchSize > 1 ? 1 : 0));
        if (stepsAnEpoch == 0)
        {
            throw new InvalidOperationException(
                $"{nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.DropLastBatch)} leaves nothing to train on: "
                + $"the data has {pairs} rows, a batch is {options.BatchSize}.");
        }

        int steps = (int)Math.Min((long)options.Epochs * stepsAnEpoch, options.MaxSteps ?? int.MaxValue);
        return new(stepsAnEpoch, steps, options.LearningRate ?? (options.Checkpoint is null ? 1e-3 : 1e-6),
            options.WarmupSteps ?? Math.Min(PublishedWarmup, steps / 10), options.LargestLogitScale);
    }
}
