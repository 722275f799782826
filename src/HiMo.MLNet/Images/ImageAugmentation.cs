using System.Drawing;
using System.Runtime.CompilerServices;
using static System.FormattableString;

namespace HiMo.MLNet;

/// <summary>How training images are varied, anew for every image and step. The defaults are CLIP's: a slight random crop.</summary>
public sealed record ImageAugmentation
{
    /// <summary>
    /// Smallest area of the crop that is resized to the model's image size, as a share of the image's: above 0, at
    /// most <see cref="MaxScale"/>; 0.9 by default. The area is drawn evenly, the crop's width by height from 3:4 to
    /// 4:3 as far as such a crop fits, its place evenly.
    /// </summary>
    public double MinScale { get; init; } = 0.9;

    /// <summary>
    /// Largest area of the crop, at most 4; 1 by default. Above 1 the image shrinks and <see cref="Background"/> shows around it.
    /// </summary>
    public double MaxScale { get; init; } = 1;

    /// <summary>
    /// Chance of a mirrored image, 0 to 1; 0 by default, since captions speak of left and right.
    /// </summary>
    public double HorizontalFlip { get; init; }

    /// <summary>Largest rotation either way, in degrees, 0 to 180; 0 by default.</summary>
    public double Rotation { get; init; }

    /// <summary>Largest shift along each side, either way, as a share of the crop's side, 0 to 1; 0 by default.</summary>
    public double Shift { get; init; }

    /// <summary>Brightness is multiplied by a factor of 1 ± this, 0 to 1; 0 by default.</summary>
    public double Brightness { get; init; }

    /// <summary>The distance to the image's mean grey is multiplied by a factor of 1 ± this, 0 to 1; 0 by default.</summary>
    public double Contrast { get; init; }

    /// <summary>The distance to a pixel's own grey is multiplied by a factor of 1 ± this, 0 to 1; 0 by default.</summary>
    public double Saturation { get; init; }

    /// <summary>The colour outside the image, where rotation, shift or shrinking show it; white by default. Its alpha is
    /// ignored.</summary>
    public Color Background { get; init; } = Color.White;

    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range; the message names it.</exception>
    internal void Validate()
    {
        Check(MaxScale, double.Epsilon, 4);
        Check(MinScale, double.Epsilon, MaxScale, $"above 0 and at most {nameof(MaxScale)} = {MaxScale}");
        Check(HorizontalFlip, 0, 1);
        Check(Rotation, 0, 180);
        Check(Shift, 0, 1);
        Check(Brightness, 0, 1);
        Check(Contrast, 0, 1);
        Check(Saturation, 0, 1);
    }

    private static void Check(
        double value, double low, double high, string? expected = null, [CallerArgumentExpression(nameof(value))] string option = "")
    {
        if (!(value >= low && value <= high)) // Not a number fails, too.
        {
            expected ??= low > 0 ? $"above 0 and at most {high}" : $"{low} to {high}";
            throw new ArgumentOutOfRangeException(option, Invariant(
                $"{nameof(ImageAugmentation)}.{option}: expected {expected}, found {value}."));
        }
    }
}
