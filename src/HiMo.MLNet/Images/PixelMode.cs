namespace HiMo.MLNet.Images;

/// <summary>
/// What the four bytes of a pixel hold. CLIP resizes an image as its file stores it and converts it to RGB afterwards,
/// so an image keeps its mode until it is resized.
/// </summary>
internal enum PixelMode
{
    /// <summary>Red, green, blue; the fourth byte means nothing. Grey is repeated.</summary>
    Rgb,

    /// <summary>Red, green, blue, alpha: resized multiplied by alpha, then divided again and alpha dropped, not blended.</summary>
    RgbAlpha,

    /// <summary>Red, green and blue already multiplied by alpha, alpha.</summary>
    Premultiplied,

    /// <summary>A palette's or a black and white image's colours, looked up: resized by taking the nearest.</summary>
    Palette,

    /// <summary>Cyan, magenta, yellow, black.</summary>
    Cmyk,

    /// <summary>One 32-bit number of 0 to 65,535: resized as such, and what exceeds 255 becomes white.</summary>
    Grey16,
}
