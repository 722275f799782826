namespace HiMo.MLNet.Training;

/// <summary>Receives what a training has to say.</summary>
internal interface ITrainingLog
{
    void Info(string message);

    /// <summary>What went wrong without stopping the training.</summary>
    void Warn(string message);

    /// <summary>Every step.</summary>
    void Report(TrainingProgress progress);
}
