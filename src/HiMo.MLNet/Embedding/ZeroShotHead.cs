using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using HiMo.MLNet.Checkpoints;

namespace HiMo.MLNet.Embedding;

/// <summary>
/// Zero-shot classification: a class is the normalised mean of its templates' normalised embeddings, its probability the
/// softmax of s · cosine. With a threshold, an image that is near no class has no label.
/// </summary>
internal sealed class ZeroShotHead
{
    private readonly float[] _classes;                                        // (labels, d)
    private readonly float _scale;
    private readonly int _dimension;

    /// <exception cref="ArgumentException">There are no labels, an empty or repeated one, or a template without <c>{0}</c>; or the
    /// threshold is not a cosine.</exception>
    public static void Check(IReadOnlyList<string> labels, IReadOnlyList<string> templates, float? threshold)
    {
        if (threshold is not (null or (>= -1 and <= 1)))
        {
            throw new ArgumentOutOfRangeException(nameof(threshold), threshold,
                $"The threshold must be a cosine, in [-1, 1], or null; it is {threshold}.");
        }

        if (labels.Count == 0)
        {
            throw new ArgumentException("Zero-shot classification needs at least one label.", nameof(labels));
        }

        if (labels.Any(string.IsNullOrWhiteSpace))
        {
            throw new ArgumentException("A label is empty.", nameof(labels));
        }

        if (labels.GroupBy(n => n, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } repeated)
        {
            throw new ArgumentException($"The label '{repeated.Key}' is given {repeated.Count()} times; labels must differ.",
                nameof(labels));
        }

        if (templates.Count == 0)
        {
            throw new ArgumentException("Zero-shot classification needs at least one template.", nameof(templates));
        }

        foreach (string? template in templates)
        {
            if (template?.Contains("{0}", StringComparison.Ordinal) != true)
            {
                throw new ArgumentException($"The template '{template}' has no {{0}} in the place of the label.", nameof(templates));
            }
        }
    }

    /// <param name="encoder">The model.</param>
    /// <param name="labels">The labels.</param>
    /// <param name="templates">The templates.</param>
    /// <param name="threshold">The least cosine of a label, or null.</param>
    /// <param name="classes">(labels, d), where they are known; else the model embeds the templates.</param>
    public ZeroShotHead(
        ClipEncoder encoder, IReadOnlyList<string> labels, IReadOnlyList<string> templates, float? threshold, float[]? classes = null)
    {
        Labels = labels;
        Templates = templates;
        Threshold = threshold;
        _dimension = encoder.Dimension;
        _scale = encoder.LogitScale;
        _classes = classes ?? Embed(encoder, labels, templates);
    }

    private static float[] Embed(ClipEncoder encoder, IReadOnlyList<string> labels, IReadOnlyList<string> templates)
    {
        int d = encoder.Dimension;
        float[] classes = new float[labels.Count * d];
        for (int label = 0; label < labels.Count; label++)
        {
            string name = labels[label];
            float[] texts = encoder.EncodeTexts([.. templates.Select(template => template.Replace("{0}", name, StringComparison.Ordinal))]);
            Mean(texts, classes.AsSpan(label * d, d));
        }

        return classes;
    }

    /// <summary>A class out of its templates: the mean of their normalised embeddings, normalised.</summary>
    /// <param name="texts">(templates, d)</param>
    /// <param name="mean">Receives d numbers.</param>
    public static void Mean(ReadOnlySpan<float> texts, Span<float> mean)
    {
        mean.Clear();
        for (int first = 0; first < texts.Length; first += mean.Length)
        {
            TensorPrimitives.Add(mean, texts.Slice(first, mean.Length), mean);
        }

        TensorPrimitives.Divide(mean, TensorPrimitives.Norm(mean), mean);
    }

    /// <summary>The classifier that a model was saved with; null for a checkpoint, or a model without labels.</summary>
    /// <exception cref="CheckpointFormatException">The model's settings are damaged.</exception>
    public static ZeroShotHead? TryLoad(string path, ClipEncoder encoder)
    {
        using var zip = ModelArchive.TryOpen(path);
        if (zip?.Entries.ReadSettings<SavedLabels>() is not { Labels: { } labels } saved)
        {
            return null;
        }

        try
        {
            Check(labels, saved.Templates ?? [], saved.Threshold);
        }
        catch (ArgumentException e)
        {
            throw CheckpointFormatException.At(path, ModelArchive.SettingsEntry, e.Message, e);
        }

        return new(encoder, labels, saved.Templates!, saved.Threshold, TryRead(zip.Entries, labels.Count, encoder.Dimension));
    }

    private sealed record SavedLabels(IReadOnlyList<string>? Labels, IReadOnlyList<string>? Templates, float? Threshold = null);

    /// <summary>Reads what <see cref="Write"/> wrote; null if the model zip has none, or has other weights or settings by now than those
    /// that the labels were embedded with.</summary>
    /// <exception cref="CheckpointFormatException">The entry has another size.</exception>
    public static float[]? TryRead(ModelEntries entries, int labels, int d)
    {
        return entries.HasSources(ModelArchive.LabelsSourceEntry) ? entries.TryRead(ModelArchive.LabelsEntry, Classes) : null;

        float[] Classes(Stream stream, long length)
        {
            if (length != (long)labels * d * sizeof(float))
            {
                throw CheckpointFormatException.At(
                    entries.Source, ModelArchive.LabelsEntry, $"expected {labels} x {d} singles, found {length} bytes");
            }

            float[] classes = new float[labels * d];
            stream.ReadExactly(MemoryMarshal.AsBytes(classes.AsSpan()));
            return classes;
        }
    }

    /// <summary>Writes the labels' embeddings: single precision, little endian, a row a label.</summary>
    public void Write(Stream stream) => stream.Write(MemoryMarshal.AsBytes(Classes));

    public IReadOnlyList<string> Labels { get; }

    public IReadOnlyList<string> Templates { get; }

    /// <summary>(labels, d), normalised.</summary>
    public ReadOnlySpan<float> Classes => _classes;

    /// <summary>The least cosine with the best label's class below which no label is predicted; null for none.</summary>
    public float? Threshold { get; }

    /// <param name="image">A normalised embedding; NaN for a missing image.</param>
    /// <param name="probabilities">Receives one a label; NaN for a missing image.</param>
    /// <returns>The key of the best label, from 1; 0 if its cosine is below the threshold, or for a missing image.</returns>
    public uint Classify(ReadOnlySpan<float> image, Span<float> probabilities)
    {
        for (int label = 0; label < Labels.Count; label++)
        {
            probabilities[label] = TensorPrimitives.Dot(image, _classes.AsSpan(label * _dimension, _dimension));
        }

        int best = TensorPrimitives.IndexOfMax(probabilities);
        bool known = probabilities[best] >= (Threshold ?? float.NegativeInfinity);
        TensorPrimitives.Multiply(probabilities, _scale, probabilities);
        TensorPrimitives.SoftMax(probabilities, probabilities);
        return known ? (uint)best + 1 : 0;
    }
}
