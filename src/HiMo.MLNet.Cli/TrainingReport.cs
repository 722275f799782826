namespace HiMo.MLNet.Cli;

/// <summary>Training steps on a progress bar.</summary>
internal sealed class TrainingReport(ProgressDisplay.Report report, int epochs) : IProgress<TrainingProgress>
{
    public TrainingProgress? Last { get; private set; }

    public void Report(TrainingProgress value)
    {
        Last = value;
        string components = value.Components > 0 ? $", {value.Components} components" : "";
        report(value.Step, value.TotalSteps,
            $"epoch {value.Epoch}/{epochs}, loss {value.Loss:f3}{components}, {value.ImagesPerSecond:f0} images/s");
    }
}
