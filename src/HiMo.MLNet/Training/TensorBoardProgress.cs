using TorchSharp;
using TorchSharp.Modules;

namespace HiMo.MLNet;

/// <summary>
/// Writes the course of a training as an event file for TensorBoard: <c>loss</c>, its parts as <c>loss/global</c> and so on,
/// <c>components</c>, <c>learning_rate</c>, <c>images_per_second</c> and <c>validation</c>, each over the steps.
/// </summary>
/// <param name="folder">The folder of the event file, made if need be; <c>tensorboard --logdir</c> takes it or one above it.</param>
/// <example>
/// <code>
/// options.Progress = new TensorBoardProgress("runs/first");
/// </code>
/// </example>
public sealed class TensorBoardProgress(string folder) : IProgress<TrainingProgress>
{
    private readonly SummaryWriter _writer = torch.utils.tensorboard.SummaryWriter(folder, createRunName: false);

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        void Write(string name, double scalar) => _writer.add_scalar(name, (float)scalar, value.Step);
        Write("loss", value.Loss);
        foreach ((string part, double loss) in value.LossParts)
        {
            Write("loss/" + part, loss);
        }

        if (value.Components > 0)
        {
            Write("components", value.Components);
        }

        Write("learning_rate", value.LearningRate);
        Write("images_per_second", value.ImagesPerSecond);
        if (value.ValidationScore is { } score)
        {
            Write("validation", score);
        }
    }
}
