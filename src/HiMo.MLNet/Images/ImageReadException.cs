namespace HiMo.MLNet;

/// <summary>An image could not be read: the file is missing, empty, no image, truncated or too large.</summary>
/// <param name="path">The image's path, or the name under which its stream was read.</param>
/// <param name="reason">What was wrong.</param>
/// <param name="innerException">The cause, when there is one.</param>
public sealed class ImageReadException(string path, string reason, Exception? innerException = null)
    : IOException($"Image '{path}' could not be read: {reason}.", innerException)
{
    /// <summary>The image's path, or the name under which its stream was read.</summary>
    public string Path { get; } = path;

    /// <summary>What was wrong, without the path.</summary>
    public string Reason { get; } = reason;

    /// <summary>Whether the image is larger than <see cref="ClipLimits"/> allows.</summary>
    public bool IsTooLarge { get; init; }
}
