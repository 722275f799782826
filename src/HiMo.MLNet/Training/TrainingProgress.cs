namespace HiMo.MLNet;

/// <summary>One training step, as <see cref="HiMoClipOptions.Progress"/> receives it.</summary>
/// <param name="Step">The step, from 1.</param>
/// <param name="TotalSteps">The steps of the whole training.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Loss">L = C(V, U) + λ · C(V, U′).</param>
/// <param name="GlobalLoss">C(V, U).</param>
/// <param name="ComponentLoss">C(V, U′).</param>
/// <param name="Components">m, the components that HiDe kept of this batch.</param>
/// <param name="LearningRate">The rate of this step.</param>
/// <param name="ImagesPerSecond">Pictures trained on per second since the start.</param>
public sealed record TrainingProgress(
    int Step, int TotalSteps, int Epoch, double Loss, double GlobalLoss, double ComponentLoss, int Components, double LearningRate, double ImagesPerSecond);
