using Microsoft.ML;

namespace HiMo.MLNet.Tests.Composition;

/// <summary>Sixteen images and a checkpoint of a tiny model with random weights: enough to see that parts fit together.</summary>
public sealed class TinyModel : IDisposable
{
    public TinyModel() => Checkpoint = Images.Checkpoint();

    public MLContext MLContext { get; } = new(seed: 3);

    public ToyImages Images { get; } = new();

    public string Checkpoint { get; }

    /// <summary>Rows with an ImagePath and a Caption.</summary>
    public IDataView Data => MLContext.Data.LoadFromEnumerable(Images.Rows);

    internal HiMoClipTransformer Fit() => MLContext.Transforms.HiMoClip(Checkpoint).Fit(Data);

    public string FileName(string name) => Path.Combine(Images.Folder, name);

    public void Dispose() => Images.Dispose();

    internal static void Close(IReadOnlyList<float> expected, IReadOnlyList<float> actual)
    {
        Assert.Equal(expected.Count, actual.Count);
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i], actual[i], 1e-5f);
        }
    }
}
