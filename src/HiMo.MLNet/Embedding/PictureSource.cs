namespace HiMo.MLNet.Embedding;

/// <summary>A picture to embed: a file that is read when it is its turn, or the planes of one that has no file.</summary>
/// <param name="Path">The file.</param>
/// <param name="Planes">What <see cref="PlaneReader"/> makes of a picture.</param>
internal sealed record PictureSource(string? Path, byte[]? Planes);
