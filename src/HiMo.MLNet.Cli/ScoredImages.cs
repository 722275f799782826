namespace HiMo.MLNet.Cli;

/// <summary>What a model makes of an image, or why it could not be read.</summary>
/// <param name="Image">Its path.</param>
/// <param name="Values">An embedding, or the scores of labels; null if the image could not be read.</param>
/// <param name="Error">Why it could not be read.</param>
internal sealed record ScoredImage(string Image, float[]? Values, string? Error);

/// <summary>Images through a model, one after the other; those that cannot be read are told and left out.</summary>
/// <param name="images">Their paths.</param>
/// <param name="model">Embeds them.</param>
/// <param name="score">Gives the values of an embedding; null for the embedding itself.</param>
internal sealed class ScoredImages(IReadOnlyCollection<string> images, ClipEmbedder model, Func<float[], float[]>? score = null)
{
    private readonly Dictionary<string, string> _skipped = [];

    /// <summary>Why images could not be read, by their paths.</summary>
    public IReadOnlyDictionary<string, string> Skipped => _skipped;

    /// <summary>The images in their order, as each batch is done.</summary>
    public IEnumerable<ScoredImage> Read(ProgressDisplay.Report report, CancellationToken cancellation)
    {
        int done = 0;
        foreach (ClipEmbeddedImage image in model.EmbedEach(images.Select(ClipImage.FromFile), cancellation))
        {
            yield return Score(image);
            if (++done % model.BatchSize == 0 || done == images.Count)
            {
                report(done, images.Count);
            }
        }
    }

    private ScoredImage Score(ClipEmbeddedImage image)
    {
        string path = image.Image.Name;
        if (image.Error is { } error && _skipped.TryAdd(path, error.Reason))
        {
            ProgressDisplay.Warn($"skipped '{path}': {error.Reason}");
        }

        return new(path, image.Embedding is { } embedding ? score?.Invoke(embedding) ?? embedding : null, image.Error?.Reason);
    }

    /// <summary>Tells how many were left out.</summary>
    /// <param name="others">Images that are there beside these.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="InvalidDataException">None could be read, and there are no others.</exception>
    public int Finish(int others = 0)
    {
        if (_skipped.Count == 0)
        {
            return 0;
        }

        string counts = $"{_skipped.Count} of {images.Count + others} images could not be read";
        if (others == 0 && _skipped.Count >= images.Distinct().Count())
        {
            throw new InvalidDataException($"{counts}: nothing is left.");
        }

        ProgressDisplay.Warn($"{counts} and were skipped");
        return Failure.SomeSkipped;
    }
}
