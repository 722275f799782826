using HiMo.MLNet;
using HiMo.MLNet.Interop;

namespace Microsoft.ML;

/// <summary>HiMo-CLIP in <c>mlContext.Transforms</c>.</summary>
public static class HiMoClipCatalog
{
    /// <summary>Trains a small CLIP model from scratch on pictures and captions with HiMo-CLIP's objective.</summary>
    /// <param name="catalog">The catalog of transforms.</param>
    /// <param name="imageColumnName">File paths (text) or images (<c>MLImage</c>).</param>
    /// <param name="captionColumnName">Captions (text).</param>
    /// <param name="epochs">Passes over the data, at least 1.</param>
    /// <example>
    /// <code>
    /// var model = mlContext.Transforms.HiMoClip("ImagePath", "Caption").Fit(data);
    /// mlContext.Model.Save(model, data.Schema, "model.zip");
    /// </code>
    /// </example>
    public static HiMoClipEstimator HiMoClip(
        this TransformsCatalog catalog, string imageColumnName = "ImagePath", string captionColumnName = "Caption", int epochs = 10) =>
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
