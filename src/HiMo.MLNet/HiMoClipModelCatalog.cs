using System.Reflection;
using System.Runtime.ExceptionServices;
using HiMo.MLNet;

namespace Microsoft.ML;

/// <summary>HiMo-CLIP in loaded models, and in <c>mlContext.Model</c>.</summary>
public static class HiMoClipModelCatalog
{
    /// <summary>The HiMo-CLIP transformers of a model: itself, or those of a chain and of the chains in it, in their order.</summary>
    /// <param name="model">Any transformer, as <c>mlContext.Model.Load</c> gives it.</param>
    /// <example>
    /// <code>
    /// foreach (var transformer in loaded.HiMoClipTransformers())
    ///     transformer.ImageFolder = "/data/images";
    /// </code>
    /// </example>
    public static IReadOnlyList<HiMoClipTransformer> HiMoClipTransformers(this ITransformer model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return [.. Parts(model).OfType<HiMoClipTransformer>()];
    }

    internal static IEnumerable<ITransformer> Parts(ITransformer model) =>
        model is IEnumerable<ITransformer> chain ? chain.SelectMany(Parts) : [model];

    /// <summary>
    /// Loads a model as <c>mlContext.Model.Load</c> does, whatever transformers it has, and fails with the error itself: ML.NET wraps
    /// what goes wrong in a transformer of another library into a <see cref="TargetInvocationException"/>.
    /// </summary>
    /// <param name="catalog">The catalog of model operations.</param>
    /// <param name="path">The model zip.</param>
    /// <param name="inputSchema">The schema of the data that the model was saved with.</param>
    /// <exception cref="CheckpointFormatException">The HiMo-CLIP part is damaged; the message names the file, the entry, what was
    /// expected and what was found.</exception>
    public static ITransformer LoadHiMoClip(this ModelOperationsCatalog catalog, string path, out DataViewSchema inputSchema)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentException.ThrowIfNullOrEmpty(path);
        try
        {
            return catalog.Load(path, out inputSchema);
        }
        catch (TargetInvocationException e)
        {
            Exception inner = e;
            while (inner is TargetInvocationException { InnerException: { } next })
            {
                inner = next;
            }

            if (inner is CheckpointFormatException)
            {
                throw new CheckpointFormatException($"{path}: {inner.Message}", inner);
            }

            ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }
}
