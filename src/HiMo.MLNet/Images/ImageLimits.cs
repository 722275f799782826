namespace HiMo.MLNet.Images;

/// <summary>What pictures may cost: a guard against files that are small and unpack to much.</summary>
/// <remarks>A picture takes four bytes a pixel while it is decoded and resized, once per thread that decodes.</remarks>
internal sealed record ImageLimits
{
    /// <summary>The largest picture that is decoded, in pixels; 100 million by default (400 MB).</summary>
    public long ImagePixels { get; init; } = 100_000_000;

    /// <summary>The longest side that is decoded, in pixels; 65,535 by default.</summary>
    public int ImageSide { get; init; } = 65_535;

    /// <summary>The largest file that is read, in bytes; 512 MiB by default.</summary>
    public int ImageFileBytes { get; init; } = 512 << 20;
}
