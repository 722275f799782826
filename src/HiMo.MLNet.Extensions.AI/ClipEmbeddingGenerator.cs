using Microsoft.Extensions.AI;

namespace HiMo.MLNet;

/// <summary>A CLIP model as an embedding generator of one kind of input.</summary>
/// <param name="clip">The model, which stays its owner's.</param>
/// <param name="embed">Embeds, and tells how many tokens that took; null where there are none.</param>
internal sealed class ClipEmbeddingGenerator<TInput>(
    ClipEmbedder clip, Func<TInput[], CancellationToken, (float[][] Embeddings, long? Tokens)> embed)
    : IEmbeddingGenerator<TInput, Embedding<float>>
{
    // Weights have no name of their own: the hash tells embeddings of different models apart in an index.
    private readonly EmbeddingGeneratorMetadata _metadata = new("himo-clip", null, clip.WeightsHash, clip.Dimension);

    public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
        IEnumerable<TInput> values, EmbeddingGenerationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (options?.Dimensions is { } dimensions && dimensions != clip.Dimension)
        {
            throw new ArgumentException(
                $"{nameof(options)}.{nameof(options.Dimensions)}: expected {clip.Dimension}, which is what the model gives, or null; "
                + $"found {dimensions}.", nameof(options));
        }

        TInput[] inputs = [.. values];
        return Task.Run(() => Generate(inputs, cancellationToken), cancellationToken);
    }

    private GeneratedEmbeddings<Embedding<float>> Generate(TInput[] inputs, CancellationToken cancellationToken)
    {
        (float[][] embeddings, long? tokens) = embed(inputs, cancellationToken);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        return new(embeddings.Select(values => new Embedding<float>(values) { CreatedAt = now, ModelId = _metadata.DefaultModelId }))
        {
            Usage = tokens is null ? null : new() { InputTokenCount = tokens, TotalTokenCount = tokens },
        };
    }

    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        return serviceKey is not null ? null
            : serviceType.IsInstanceOfType(_metadata) ? _metadata
            : serviceType.IsInstanceOfType(clip) ? clip
            : serviceType.IsInstanceOfType(this) ? this
            : null;
    }

    public void Dispose()
    {
    }
}
