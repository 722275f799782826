using HiMo.MLNet;
using HiMo.MLNet.Interop;

namespace Microsoft.ML;

/// <summary>HiMo-CLIP in <c>mlContext.Transforms</c>.</summary>
public static class HiMoClipCatalog
{
    /// <summary>Applies a CLIP, Long-CLIP, HiMo-CLIP or SmartCLIP checkpoint as it is; needs no training data.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="checkpoint">A PyTorch (<c>.pt</c>), TorchScript or <c>.safetensors</c> file, or a folder of shards. A 77-token
    /// CLIP is stretched to 248 tokens.</param>
    /// <param name="imageColumnName">File paths (text) or images (<c>MLImage</c>). May be missing if the data has captions.</param>
    /// <param name="captionColumnName">Captions (text). May be missing if the data has pictures.</param>
    /// <param name="labels">Labels of a zero-shot classifier, or null.</param>
    /// <param name="templates">Texts with <c>{0}</c> in the place of the label, or null for the bare label.</param>
    /// <example>
    /// <code>
    /// var pipeline = mlContext.Transforms.HiMoClip("longclip-B.pt", labels: ["cat", "dog"], templates: HiMoClipTemplates.Photo);
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(
        this TransformsCatalog catalog, string checkpoint, string imageColumnName = "ImagePath", string captionColumnName = "Caption",
        IReadOnlyList<string>? labels = null, IReadOnlyList<string>? templates = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(checkpoint);
        return catalog.HiMoClip(new HiMoClipOptions
        {
            Checkpoint = checkpoint,
            Epochs = 0,
            ImageColumnName = imageColumnName,
            CaptionColumnName = captionColumnName,
            Labels = labels,
            Templates = templates,
        });
    }

    /// <summary>Trains a small CLIP model from scratch on pictures and captions with HiMo-CLIP's objective.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="imageColumnName">File paths (text) or images (<c>MLImage</c>).</param>
    /// <param name="captionColumnName">Captions (text).</param>
    /// <param name="epochs">Passes over the data, at least 1.</param>
    /// <example>
    /// <code>
    /// var model = mlContext.Transforms.HiMoClip("ImagePath", "Caption", epochs: 20).Fit(data);
    /// mlContext.Model.Save(model, data.Schema, "model.zip");
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(this TransformsCatalog catalog, string imageColumnName, string captionColumnName, int epochs) =>
        catalog.HiMoClip(new HiMoClipOptions { ImageColumnName = imageColumnName, CaptionColumnName = captionColumnName, Epochs = epochs });

    /// <summary>Trains or fine-tunes a CLIP model on pictures and captions with HiMo-CLIP's objective.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="options">Columns, model and training.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range; the message names it.</exception>
    public static HiMoClipEstimator HiMoClip(this TransformsCatalog catalog, HiMoClipOptions options)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(options);
        return new(MLNetInternals.Environment(catalog), options);
    }
}
