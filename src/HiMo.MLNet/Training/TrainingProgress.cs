namespace HiMo.MLNet;

/// <summary>One training step, as <see cref="TrainingOptions.Progress"/> receives it.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="TotalSteps">The steps of the whole training.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Loss">What the objective minimises.</param>
/// <param name="LossParts">Its terms by name, before they are weighted: <c>global</c> and <c>component</c> for
/// <see cref="HiMoObjective"/>; <c>global</c> for <see cref="ClipObjective"/>; <c>long</c> and <c>short</c> for
/// <see cref="LongClipObjective"/>; <c>image</c>, <c>text</c> and <c>open</c> for <see cref="SmartClipObjective"/>.</param>
/// <param name="Components">m, the components that HiDe kept of this batch; 0 for the other objectives.</param>
/// <param name="LearningRate">The towers' rate of this step.</param>
/// <param name="ImagesPerSecond">Images trained on per second since the start, or the resumption.</param>
/// <param name="Remaining">The time that the remaining steps will take at this speed, validation included so far.</param>
/// <param name="ValidationScore">After the last step of an epoch with a <see cref="HiMoClipOptions.ValidationSet"/>, its
/// <see cref="TrainingOptions.ValidationMetric"/>; null otherwise.</param>
public sealed record TrainingProgress(
    int Step, int TotalSteps, int Epoch, double Loss, IReadOnlyDictionary<string, double> LossParts, int Components, double LearningRate,
    double ImagesPerSecond, TimeSpan Remaining, double? ValidationScore = null);
