namespace HiMo.MLNet.Data;

/// <summary>One image of a data set with its captions, as read: the image itself may be missing or broken.</summary>
/// <param name="ImagePath">Full path, under the root of the data set.</param>
/// <param name="Captions">Any number of captions; each may be empty, or long.</param>
/// <param name="Source">Where the data set says so, for errors.</param>
internal sealed record CaptionedImage(string ImagePath, IReadOnlyList<string> Captions, SourceLocation Source);
