namespace HiMo.MLNet.Images;

/// <summary>The part of a source image that is resized, in pixels; edges may lie between pixels.</summary>
internal readonly record struct SourceBox(float Left, float Top, float Right, float Bottom)
{
    public static SourceBox Whole(RgbImage image) => new(0, 0, image.Width, image.Height);
}
