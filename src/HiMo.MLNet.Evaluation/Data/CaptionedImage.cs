namespace HiMo.MLNet.Data;

/// <summary>One image of a data set with its captions, as read: the image itself may be missing or broken.</summary>
/// <param name="ImagePath">Full path, under the root of the data set; of an image in a shard or a table, what it is called there.</param>
/// <param name="Captions">Any number of captions; each may be empty, or long.</param>
/// <param name="Source">Where the data set says so, for errors.</param>
internal sealed record CaptionedImage(string ImagePath, IReadOnlyList<string> Captions, SourceLocation Source)
{
    /// <summary>Reads the image file's bytes out of the shard or table that holds them; an <see cref="ImageReadException"/> where there
    /// are none, or too many. Null where <see cref="ImagePath"/> is a file.</summary>
    public Func<byte[]>? Encoded { get; init; }
}
