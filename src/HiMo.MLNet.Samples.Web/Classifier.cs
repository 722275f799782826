using static System.FormattableString;

namespace HiMo.MLNet.Samples.Web;

/// <summary>A model that was saved with labels, for as many images at a time as the server's limits say.</summary>
internal sealed class Classifier : IDisposable
{
    private readonly ClipEmbedder _model;
    private readonly ClipClassifier _classifier;
    private readonly SemaphoreSlim _turns;

    /// <param name="path">A model that was saved with labels.</param>
    /// <param name="limits">How many images at a time, and how large.</param>
    public Classifier(string path, Limits limits)
    {
        ClipLimits.Current = ClipLimits.Current with { ImagePixels = limits.MaxPixels };
        _turns = new(limits.Concurrency);
        _model = ClipEmbedder.Load(path, warning: Console.Error.WriteLine);
        _classifier = _model.SavedClassifier
            ?? throw new InvalidDataException($"{path}: expected a model that was saved with labels, found none.");
    }

    public IReadOnlyList<string> Labels => _classifier.Labels;

    /// <summary>Waits for its turn: images are small as files, and large when they are decoded.</summary>
    /// <returns>The label (null: none of these, for a model with a threshold) and the probabilities of all, best first.</returns>
    /// <exception cref="BadHttpRequestException">It is no image, or too large.</exception>
    public async Task<Answer> ClassifyAsync(byte[] image, CancellationToken cancellation)
    {
        await _turns.WaitAsync(cancellation);
        try
        {
            ClipPrediction prediction = _classifier.Classify(ClipImage.FromBytes(image));
            return new(prediction.Label, Labels.Zip(prediction.Probabilities).OrderByDescending(scored => scored.Second)
                .ToDictionary(scored => scored.First, scored => scored.Second));
        }
        catch (ImageReadException e)
        {
            throw e.IsTooLarge
                ? new BadHttpRequestException(
                    Invariant(
                        $"Expected an image of at most {ClipLimits.Current.ImagePixels:N0} pixels, found a larger one."),
                    StatusCodes.Status413PayloadTooLarge, e)
                : new BadHttpRequestException($"The image could not be read: {e.Reason}.", e);
        }
        finally
        {
            _turns.Release();
        }
    }

    public void Dispose()
    {
        _model.Dispose();
        _turns.Dispose();
    }

    internal sealed record Answer(string? Label, IReadOnlyDictionary<string, float> Probabilities);
}
