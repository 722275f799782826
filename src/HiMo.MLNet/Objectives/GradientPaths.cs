namespace HiMo.MLNet;

/// <summary>Which side of the similarity products of an objective receives a gradient.</summary>
public enum GradientPaths
{
    /// <summary>Both sides, as the equations say.</summary>
    Full,

    /// <summary>
    /// Only the rows' side: image-to-text rows train the image tower, text-to-image rows the text tower. This is what the
    /// published code does, since it gathers the other side from all devices without a gradient.
    /// </summary>
    LocalOnly,
}
