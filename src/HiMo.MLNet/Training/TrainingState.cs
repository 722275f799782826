namespace HiMo.MLNet.Training;

/// <summary>Where a training stands: with the weights and the optimizer's averages, all that the next step depends on.</summary>
internal sealed record TrainingState
{
    /// <summary>Steps done.</summary>
    public int Step { get; set; }

    /// <summary>Those of them that changed the weights: all but the ones whose float16 gradients overflowed.</summary>
    public int OptimizerSteps { get; set; }

    /// <summary>The current epoch, from 1.</summary>
    public int Epoch { get; set; } = 1;

    /// <summary>Batches of this epoch done.</summary>
    public int EpochBatch { get; set; }

    /// <summary>The seed of weights, order, augmentation and caption sampling.</summary>
    public int Seed { get; set; }

    /// <summary>Whether it fine-tunes a 77-token CLIP, whose positions were stretched.</summary>
    public bool Stretched { get; set; }

    public double LossScale { get; set; } = Training.LossScale.Initial;

    public int SteadySteps { get; set; }

    /// <summary>The best validation score so far, the higher the better, and its epoch.</summary>
    public double? BestScore { get; set; }

    public int BestEpoch { get; set; }

    /// <summary>The settings that decide the course of a training, by name: they must be the same when it is resumed.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; set; } = new Dictionary<string, string>();
}
