using HiMo.MLNet;
using Microsoft.Extensions.AI;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>CLIP models for dependency injection.</summary>
public static class ClipServiceCollectionExtensions
{
    /// <summary>
    /// Adds one model, as <see cref="ClipEmbedder"/>, as <c>IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt;</c> and as
    /// <c>IEmbeddingGenerator&lt;DataContent, Embedding&lt;float&gt;&gt;</c>. It is loaded when one of them is first asked for, shared by
    /// all, and disposed with the container.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="path">What <see cref="ClipEmbedder.Load"/> takes: a checkpoint, a folder, a model zip, an exported graph.</param>
    /// <param name="device"><c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="serviceKey">For one of several models: the key to ask for it by; null for none.</param>
    /// <returns>The services.</returns>
    /// <example>
    /// <code>
    /// builder.Services.AddHiMoClip("model.zip");
    /// app.MapGet("/embed", async (string text, IEmbeddingGenerator&lt;string, Embedding&lt;float&gt;&gt; texts) =&gt;
    ///     (await texts.GenerateVectorAsync(text)).ToArray());
    /// </code>
    /// </example>
    public static IServiceCollection AddHiMoClip(
        this IServiceCollection services, string path, string device = "cpu", object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ClipEmbedder Model(IServiceProvider provider) => provider.GetRequiredKeyedService<ClipEmbedder>(serviceKey);
        return services
            .AddKeyedSingleton(serviceKey, (_, _) => ClipEmbedder.Load(path, device))
            .AddKeyedSingleton<IEmbeddingGenerator<string, Embedding<float>>>(serviceKey, (provider, _) =>
                Model(provider).AsTextEmbeddingGenerator())
            .AddKeyedSingleton<IEmbeddingGenerator<DataContent, Embedding<float>>>(serviceKey, (provider, _) =>
                Model(provider).AsImageEmbeddingGenerator());
    }
}
