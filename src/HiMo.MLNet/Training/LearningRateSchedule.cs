namespace HiMo.MLNet.Training;

/// <summary>Linear warm-up, then a cosine to 0.</summary>
internal sealed class LearningRateSchedule(double rate, int warmupSteps, int totalSteps)
{
    /// <param name="step">The step, from 0.</param>
    public double At(int step) => step < warmupSteps
        ? rate * (step + 1) / warmupSteps
        : rate * 0.5 * (1 + Math.Cos(Math.PI * (step - warmupSteps) / Math.Max(1, totalSteps - warmupSteps)));
}
