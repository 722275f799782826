using HiMo.MLNet.Text;
using Microsoft.Extensions.Caching.Memory;

namespace HiMo.MLNet.Samples.Web;

/// <summary>Finds the images that match a text best, and tells how they match as the text grows.</summary>
internal sealed class Search(ClipEmbedder model, Gallery gallery, Turns turns, Limits limits) : IDisposable
{
    public const int Top = 24, MostTop = 200;

    private const int MostSentences = 32;

    // While a text is written, all of its sentences but the last were there before.
    private readonly MemoryCache _embeddings = new(new MemoryCacheOptions { SizeLimit = 4_096 });

    /// <param name="text">What the images should show.</param>
    /// <param name="top">How many of them.</param>
    /// <param name="image">The id of an image to tell of beside them.</param>
    /// <param name="cancellation">Ends the wait for a turn.</param>
    /// <exception cref="BadHttpRequestException">There is no text, or too much of it, or no such number of results.</exception>
    public Task<SearchAnswer> FindAsync(string? text, int top, string? image, CancellationToken cancellation)
    {
        if (gallery.Images.Count == 0)
        {
            throw new BadHttpRequestException("The server was started without images to search.", StatusCodes.Status404NotFound);
        }

        if (top is < 1 or > MostTop)
        {
            throw new BadHttpRequestException($"top: expected a number from 1 to {MostTop}, found {top}.");
        }

        limits.CheckText("text", text);
        string[] sentences = Sentences.Split(text ?? "");
        return sentences.Length switch
        {
            0 => throw new BadHttpRequestException("text: expected what the images should show, found nothing."),
            > MostSentences => throw new BadHttpRequestException(
                $"text: expected at most {MostSentences} sentences, found {sentences.Length}.", StatusCodes.Status413PayloadTooLarge),
            _ => turns.RunAsync(() => Find(sentences, top, gallery.Find(image)), cancellation),
        };
    }

    private SearchAnswer Find(string[] sentences, int top, GalleryImage? pinned)
    {
        string[] texts = [.. sentences.Select((_, i) => string.Join(' ', sentences.Take(i + 1)))];
        float[][] growing = [.. texts.Select(Embed)];
        SearchResult Result(GalleryImage image) =>
            new(image.Id, image.File.Name, [.. growing.Select(text => ClipEmbedder.Similarity(image.Embedding, text))]);
        return new(sentences, model.Tokenize(texts[^1]).Count > model.Architecture.ContextLength - 2,
            [.. gallery.Images.OrderByDescending(image => ClipEmbedder.Similarity(image.Embedding, growing[^1])).Take(top).Select(Result)],
            pinned is null ? null : Result(pinned));
    }

    private float[] Embed(string text) => _embeddings.GetOrCreate(text, entry =>
    {
        entry.Size = 1;
        return model.EmbedText(text);
    })!;

    public void Dispose() => _embeddings.Dispose();
}

/// <summary>What a search finds.</summary>
/// <param name="Sentences">Of the text.</param>
/// <param name="Truncated">Whether the text is longer than what the model reads of it.</param>
/// <param name="Results">The images, best first.</param>
/// <param name="Pinned">The image that was asked for; null if there is none.</param>
internal sealed record SearchAnswer(
    IReadOnlyList<string> Sentences, bool Truncated, IReadOnlyList<SearchResult> Results, SearchResult? Pinned);

/// <summary>An image, and how a text matches it.</summary>
/// <param name="Id">For <c>/images/ID</c>.</param>
/// <param name="Name">Of its file, without folders.</param>
/// <param name="Cosines">With the first sentence, with the first two, and so on to the whole text.</param>
internal sealed record SearchResult(string Id, string Name, IReadOnlyList<float> Cosines)
{
    /// <summary>With the whole text.</summary>
    public float Cosine => Cosines[^1];
}
