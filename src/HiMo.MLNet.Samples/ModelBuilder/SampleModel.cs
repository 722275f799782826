using HiMo.MLNet.Cli;
using Microsoft.ML;

namespace HiMo.MLNet.Samples.ModelBuilder;

/// <summary>The checkpoint that the samples start from, where the user has none.</summary>
internal static class SampleModel
{
    /// <summary>Trains a small CLIP on the sample drawings and writes it as a checkpoint.</summary>
    public static string Train(string checkpoint, int epochs, CancellationToken cancellation)
    {
        var mlContext = new MLContext(seed: 1);
        string folder = SampleData.Unpack();
        (IDataView train, _) = SampleData.Load(mlContext, folder);
        using HiMoClipTransformer model = ProgressDisplay.Show("starting", report =>
        {
            HiMoClipOptions options = SampleData.TrainingOptions(folder, epochs);
            options.Progress = new TrainingReport(report, epochs);
            options.CancellationToken = cancellation;
            return mlContext.Transforms.HiMoClip(options).Fit(train);
        });
        model.SaveCheckpoint(checkpoint);
        return checkpoint;
    }
}
