namespace HiMo.MLNet.Cli;

/// <summary>What a model makes of an image, or why it could not be read.</summary>
/// <param name="Image">Its path.</param>
/// <param name="Values">An embedding, or the scores of labels; null if the image could not be read.</param>
/// <param name="Error">Why it could not be read.</param>
internal sealed record ScoredImage(string Image, float[]? Values, string? Error);

/// <summary>Images through a model, one batch after the other; those that cannot be read are told and left out.</summary>
/// <param name="images">Their paths.</param>
/// <param name="model">Embeds them.</param>
/// <param name="score">Gives the values of an embedding; null for the embedding itself.</param>
internal sealed class ScoredImages(IReadOnlyCollection<string> images, ClipEmbedder model, Func<float[], float[]>? score = null)
{
    /// <summary>As many as the library scores at a time.</summary>
    private const int BatchSize = 32;

    private readonly Dictionary<string, string> _skipped = [];

    /// <summary>Why images could not be read, by their paths.</summary>
    public IReadOnlyDictionary<string, string> Skipped => _skipped;

    /// <summary>The images in their order, as each batch is done.</summary>
    public IEnumerable<ScoredImage> Read(ProgressDisplay.Report report, CancellationToken cancellation)
    {
        int done = 0;
        foreach (string[] batch in images.Chunk(BatchSize))
        {
            cancellation.ThrowIfCancellationRequested();
            foreach (ScoredImage image in Score(batch))
            {
                yield return image;
            }

            report(done += batch.Length, images.Count);
        }
    }

    private ScoredImage[] Score(string[] batch)
    {
        try
        {
            float[][] embeddings = model.EmbedImages(batch.Select(ClipImage.FromFile));
            return [.. embeddings.Zip(batch,
                (embedding, image) => new ScoredImage(image, score?.Invoke(embedding) ?? embedding, null))];
        }
        catch (ImageReadException) when (batch.Length > 1)
        {
            return [.. batch.SelectMany(image => Score([image]))];
        }
        catch (ImageReadException e)
        {
            if (_skipped.TryAdd(batch[0], e.Reason))
            {
                ProgressDisplay.Warn($"skipped '{batch[0]}': {e.Reason}");
            }

            return [new(batch[0], null, e.Reason)];
        }
    }

    /// <summary>Tells how many were left out.</summary>
    /// <returns>The exit code.</returns>
    /// <exception cref="InvalidDataException">None could be read.</exception>
    public int Finish()
    {
        if (_skipped.Count == 0)
        {
            return 0;
        }

        string counts = $"{_skipped.Count} of {images.Count} images could not be read";
        if (_skipped.Count >= images.Distinct().Count())
        {
            throw new InvalidDataException($"{counts}: nothing is left.");
        }

        ProgressDisplay.Warn($"{counts} and were skipped");
        return Failure.SomeSkipped;
    }
}
