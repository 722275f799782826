using Microsoft.Extensions.AI;

namespace HiMo.MLNet;

/// <summary>CLIP models as the embedding generators of Microsoft.Extensions.AI.</summary>
public static class ClipEmbedderExtensions
{
    /// <summary>
    /// A generator of text embeddings: normalised, of <see cref="ClipEmbedder.Dimension"/> values, and comparable with those of
    /// <see cref="AsImageEmbeddingGenerator"/>. Its usage counts the tokens of the texts, as <see cref="ClipEmbedder.Tokenize"/> does.
    /// </summary>
    /// <param name="clip">The model. Stays the caller's: disposing of the generator does not dispose of it.</param>
    /// <returns>A generator for concurrent use. Its metadata name <see cref="ClipEmbedder.WeightsHash"/> as the model; its services are
    /// the metadata and the model.</returns>
    /// <example>
    /// <code>
    /// using var clip = ClipEmbedder.Load("longclip-B.pt");
    /// IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt; texts = clip.AsTextEmbeddingGenerator();
    /// ReadOnlyMemory&lt;float&gt; query = await texts.GenerateVectorAsync("a red boat on a lake");
    /// </code>
    /// </example>
    public static IEmbeddingGenerator<string, Embedding<float>> AsTextEmbeddingGenerator(this ClipEmbedder clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return new ClipEmbeddingGenerator<string>(clip, (texts, cancellation) =>
            (clip.EmbedTexts(texts, cancellation), texts.Sum(text => (long)clip.Tokenize(text).Count)));
    }

    /// <summary>
    /// A generator of image embeddings: normalised, of <see cref="ClipEmbedder.Dimension"/> values, and comparable with those of
    /// <see cref="AsTextEmbeddingGenerator"/>.
    /// </summary>
    /// <param name="clip">The model. Stays the caller's: disposing of the generator does not dispose of it.</param>
    /// <returns>
    /// A generator for concurrent use, whose inputs are the bytes of image files with an image's media type, such as
    /// <c>image/jpeg</c>; <see cref="DataContent.Name"/> is what errors call them. Other contents are an <see cref="ArgumentException"/>,
    /// unreadable images an <see cref="ImageReadException"/>.
    /// </returns>
    public static IEmbeddingGenerator<DataContent, Embedding<float>> AsImageEmbeddingGenerator(this ClipEmbedder clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return new ClipEmbeddingGenerator<DataContent>(clip, (contents, cancellation) =>
            (clip.EmbedImages(contents.Select(Image), cancellation), null));
    }

    private static ClipImage Image(DataContent content, int index)
    {
        string name = content.Name ?? $"image {index}";
        return content.HasTopLevelMediaType("image")
            ? ClipImage.FromBytes(content.Data, name)
            : throw new ArgumentException($"{name}: expected an image's media type (image/…), found '{content.MediaType}'.");
    }
}
