using HiMo.MLNet.Embedding;

namespace HiMo.MLNet;

/// <summary>What a <see cref="ClipClassifier"/> says of an image.</summary>
/// <param name="Label">The best label; null if its cosine with the image is below the threshold.</param>
/// <param name="Probabilities">Of the labels, in their order: the softmax of s · cosine.</param>
public sealed record ClipPrediction(string? Label, IReadOnlyList<float> Probabilities);

/// <summary>
/// Zero-shot classification: a label is the normalised mean of its templates' embeddings, and an image gets the nearest. Made by
/// <see cref="ClipEmbedder.CreateClassifier"/>, whose model it uses.
/// </summary>
public sealed class ClipClassifier
{
    private readonly ClipEmbedder _embedder;
    private readonly ZeroShotHead _head;

    internal ClipClassifier(ClipEmbedder embedder, ZeroShotHead head) => (_embedder, _head) = (embedder, head);

    /// <summary>The labels.</summary>
    public IReadOnlyList<string> Labels => _head.Labels;

    /// <summary>Classifies an image.</summary>
    /// <exception cref="ImageReadException">The image cannot be read.</exception>
    public ClipPrediction Classify(ClipImage image) => Classify(_embedder.EmbedImage(image));

    /// <summary>Classifies an image by its embedding.</summary>
    /// <param name="embedding">d numbers, of length 1.</param>
    /// <exception cref="ArgumentException">The embedding has another length.</exception>
    public ClipPrediction Classify(ReadOnlySpan<float> embedding)
    {
        if (embedding.Length != _embedder.Dimension)
        {
            throw new ArgumentException($"Expected an embedding of {_embedder.Dimension} numbers, found {embedding.Length}.",
                nameof(embedding));
        }

        float[] probabilities = new float[Labels.Count];
        uint key = _head.Classify(embedding, probabilities);
        return new(key == 0 ? null : Labels[(int)key - 1], probabilities);
    }
}
