namespace HiMo.MLNet.Embedding;

/// <summary>An image to embed: a file that is read when it is its turn, or the planes of one that has no file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Planes">What <see cref="PlaneReader"/> makes of an image.</param>
internal sealed record ImageSource(string? Path, byte[]? Planes);
