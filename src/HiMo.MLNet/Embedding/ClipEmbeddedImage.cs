namespace HiMo.MLNet;

/// <summary>What <see cref="ClipEmbedder.EmbedEach"/> makes of an image.</summary>
/// <param name="Image">The image.</param>
/// <param name="Embedding">d numbers, of length 1; null if the image cannot be read.</param>
/// <param name="Error">Why it cannot be read; else null.</param>
public sealed record ClipEmbeddedImage(ClipImage Image, float[]? Embedding, ImageReadException? Error);
