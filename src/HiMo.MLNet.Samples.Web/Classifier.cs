using Microsoft.Extensions.Caching.Memory;
using static System.FormattableString;

namespace HiMo.MLNet.Samples.Web;

/// <summary>Classification against the labels that the model was saved with, or those of a request.</summary>
internal sealed class Classifier(ClipEmbedder model, Turns turns, Limits limits) : IDisposable
{
    private const int MostLabels = 256;

    // Of labels that are classified against again and again, as a page does.
    private readonly MemoryCache _classifiers = new(new MemoryCacheOptions { SizeLimit = 64 });

    /// <summary>The labels that the model was saved with, or none.</summary>
    public IReadOnlyList<string> Labels => model.SavedClassifier?.Labels ?? [];

    /// <param name="image">The bytes of an image file.</param>
    /// <param name="labels">One a line, or with commas between; null or white space for those that the model was saved with.</param>
    /// <param name="template">A text with <c>{0}</c> in the place of the label; null or white space for the bare label.</param>
    /// <param name="cancellation">Ends the wait for a turn.</param>
    /// <returns>The label (null: none of these, for a model with a threshold) and the probabilities of all, best first.</returns>
    /// <exception cref="BadHttpRequestException">It is no image, or too large; or the labels make no sense.</exception>
    public Task<Classification> ClassifyAsync(byte[] image, string? labels, string? template, CancellationToken cancellation) =>
        turns.RunAsync(() =>
        {
            try
            {
                ClipClassifier classifier = Of(labels, template);
                ClipPrediction prediction = classifier.Classify(ClipImage.FromBytes(image));
                return new Classification(prediction.Label,
                    classifier.Labels.Zip(prediction.Probabilities).OrderByDescending(scored => scored.Second)
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
        }, cancellation);

    private ClipClassifier Of(string? labels, string? template)
    {
        if (string.IsNullOrWhiteSpace(labels))
        {
            return !string.IsNullOrWhiteSpace(template)
                ? throw new BadHttpRequestException("Expected labels for the template, found none.")
                : model.SavedClassifier ?? throw new BadHttpRequestException(
                    "Expected labels, since the model was saved without any; found none.");
        }

        template = string.IsNullOrWhiteSpace(template) ? "{0}" : template.Trim();
        limits.CheckText("the labels", labels);
        limits.CheckText("the template", template);
        string[] names = labels.Split(labels.Contains('\n', StringComparison.Ordinal) ? '\n' : ',',
            StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (names.Length > MostLabels)
        {
            throw new BadHttpRequestException($"Expected at most {MostLabels} labels, found {names.Length}.",
                StatusCodes.Status413PayloadTooLarge);
        }

        try
        {
            return _classifiers.GetOrCreate((template, string.Join('\n', names)), entry =>
            {
                entry.Size = 1;
                return model.CreateClassifier(names, [template]);
            })!;
        }
        catch (ArgumentException e)
        {
            int parameter = e.Message.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
            throw new BadHttpRequestException(parameter < 0 ? e.Message : e.Message[..parameter], e);
        }
    }

    public void Dispose() => _classifiers.Dispose();
}

/// <summary>What an image shows.</summary>
/// <param name="Label">The best label; null for none of these.</param>
/// <param name="Probabilities">Of all labels, best first.</param>
internal sealed record Classification(string? Label, IReadOnlyDictionary<string, float> Probabilities);
