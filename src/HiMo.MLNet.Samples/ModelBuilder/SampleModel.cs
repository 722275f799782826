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
        using HiMoClipTransformer model = SampleData.Train(mlContext, train, folder, epochs, cancellation);
        model.SaveCheckpoint(checkpoint);
        return checkpoint;
    }
}
