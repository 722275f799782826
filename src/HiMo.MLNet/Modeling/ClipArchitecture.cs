using HiMo.MLNet.Modeling;
using HiMo.MLNet.Text;

namespace HiMo.MLNet;

/// <summary>
/// A CLIP dual encoder in numbers: what its networks are made from. Two are equal that have the same values.
/// </summary>
/// <remarks>
/// Presets are those of OpenAI's CLIP (Radford et al. 2021, tables 19 and 20) and, from H/14 on, of open_clip's model configurations.
/// They have CLIP's own 77 tokens stretched to 248.
/// </remarks>
/// <param name="EmbeddingDimension">d, the size of the joint image and text embedding space.</param>
/// <param name="ImageSize">The side of the square input image, in pixels.</param>
/// <param name="VisionLayers">One number for a vision transformer: its blocks. Four for a ResNet: the blocks of each stage.</param>
/// <param name="VisionWidth">The width of the vision transformer (a multiple of <see cref="VisionHeadWidth"/>), or of the
/// ResNet's first stage (a multiple of 2, with 32 × width a multiple of <see cref="VisionHeadWidth"/>).</param>
/// <param name="PatchSize">The side of a vision transformer's patch, in pixels; null for a ResNet.</param>
/// <param name="TextWidth">The width of the text transformer, a multiple of <see cref="TextHeadWidth"/>.</param>
/// <param name="TextLayers">The blocks of the text transformer.</param>
public sealed record ClipArchitecture(
    int EmbeddingDimension, int ImageSize, IReadOnlyList<int> VisionLayers, int VisionWidth, int? PatchSize, int TextWidth, int TextLayers)
{
    private const int UsualHeadWidth = 64, UsualMlpRatio = 4;

    private readonly int? _visionMlpWidth, _textMlpWidth;

    /// <summary>What the blocks of the transformers compute inside. Default: QuickGELU, as OpenAI's, Long-CLIP's and HiMo-CLIP's.</summary>
    public ClipActivation Activation { get; init; } = ClipActivation.QuickGelu;

    /// <summary>
    /// The width of an attention head of the image tower, and of a ResNet's attention pooling: there are
    /// <see cref="VisionHeads"/> of them. Default: 64, as in all of OpenAI's.
    /// </summary>
    public int VisionHeadWidth { get; init; } = UsualHeadWidth;

    /// <summary>The width of an attention head of the text tower. Default: 64, as in all of OpenAI's.</summary>
    public int TextHeadWidth { get; init; } = UsualHeadWidth;

    /// <summary>The inner width of a vision transformer's blocks; no part of a ResNet. Default: 4 × <see cref="VisionWidth"/>.</summary>
    public int VisionMlpWidth
    {
        get => _visionMlpWidth ?? (UsualMlpRatio * VisionWidth);
        init => _visionMlpWidth = value;
    }

    /// <summary>The inner width of the text tower's blocks. Default: 4 × <see cref="TextWidth"/>.</summary>
    public int TextMlpWidth
    {
        get => _textMlpWidth ?? (UsualMlpRatio * TextWidth);
        init => _textMlpWidth = value;
    }

    /// <summary>Tokens in a caption, start and end tokens included. Longer captions are cut. Default: 248, as in Long-CLIP and
    /// HiMo-CLIP.</summary>
    public int ContextLength { get; init; } = 248;

    /// <summary>Entries in the token vocabulary. Default: CLIP's 49,408.</summary>
    public int VocabularySize { get; init; } = 49_408;

    /// <summary>CLIP ViT-B/32: 224-pixel images, 512-dimensional embeddings.</summary>
    public static ClipArchitecture ViTB32 { get; } = new(512, 224, [12], 768, 32, 512, 12);

    /// <summary>CLIP ViT-B/16: 224-pixel images, 512-dimensional embeddings.</summary>
    public static ClipArchitecture ViTB16 { get; } = new(512, 224, [12], 768, 16, 512, 12);

    /// <summary>CLIP ViT-L/14: 224-pixel images, 768-dimensional embeddings.</summary>
    public static ClipArchitecture ViTL14 { get; } = new(768, 224, [24], 1024, 14, 768, 12);

    /// <summary>CLIP ViT-L/14@336px: 336-pixel images, 768-dimensional embeddings.</summary>
    public static ClipArchitecture ViTL14At336 { get; } = ViTL14 with { ImageSize = 336 };

    /// <summary>CLIP RN50: 224-pixel images, 1024-dimensional embeddings.</summary>
    public static ClipArchitecture RN50 { get; } = new(1024, 224, [3, 4, 6, 3], 64, null, 512, 12);

    /// <summary>CLIP RN101: 224-pixel images, 512-dimensional embeddings.</summary>
    public static ClipArchitecture RN101 { get; } = new(512, 224, [3, 4, 23, 3], 64, null, 512, 12);

    /// <summary>CLIP RN50x4: 288-pixel images, 640-dimensional embeddings.</summary>
    public static ClipArchitecture RN50x4 { get; } = new(640, 288, [4, 6, 10, 6], 80, null, 640, 12);

    /// <summary>CLIP RN50x16: 384-pixel images, 768-dimensional embeddings.</summary>
    public static ClipArchitecture RN50x16 { get; } = new(768, 384, [6, 8, 18, 8], 96, null, 768, 12);

    /// <summary>CLIP RN50x64: 448-pixel images, 1024-dimensional embeddings.</summary>
    public static ClipArchitecture RN50x64 { get; } = new(1024, 448, [3, 15, 36, 10], 128, null, 1024, 12);

    /// <summary>open_clip's ViT-H/14: 224-pixel images, 1024-dimensional embeddings, GELU.</summary>
    public static ClipArchitecture ViTH14 { get; } =
        new(1024, 224, [32], 1280, 14, 1024, 24) { Activation = ClipActivation.Gelu, VisionHeadWidth = 80 };

    /// <summary>open_clip's ViT-g/14: 224-pixel images, 1024-dimensional embeddings, GELU.</summary>
    public static ClipArchitecture ViTg14 { get; } =
        new(1024, 224, [40], 1408, 14, 1024, 24) { Activation = ClipActivation.Gelu, VisionHeadWidth = 88, VisionMlpWidth = 6144 };

    /// <summary>open_clip's ViT-bigG/14: 224-pixel images, 1280-dimensional embeddings, GELU.</summary>
    public static ClipArchitecture ViTbigG14 { get; } =
        new(1280, 224, [48], 1664, 14, 1280, 32) { Activation = ClipActivation.Gelu, VisionHeadWidth = 104, VisionMlpWidth = 8192 };

    /// <summary>
    /// A small ResNet for training from scratch on a CPU with a few thousand small images: 64-pixel images,
    /// 256-dimensional embeddings. This library's own preset.
    /// </summary>
    public static ClipArchitecture Small { get; } = new(256, 64, [1, 1, 1, 1], 16, null, 128, 2);

    /// <summary>Whether the image tower is a vision transformer; otherwise it is CLIP's modified ResNet.</summary>
    public bool IsVisionTransformer => PatchSize is not null;

    /// <summary>The heads of a block of the image tower, or of a ResNet's attention pooling.</summary>
    public int VisionHeads => (IsVisionTransformer ? VisionWidth : ResNetWidth) / VisionHeadWidth;

    /// <summary>The heads of a block of the text tower.</summary>
    public int TextHeads => TextWidth / TextHeadWidth;

    /// <summary>Whether the activation, heads and inner widths are the defaults, which is all that early model zips can tell.</summary>
    internal bool HasUsualBlocks =>
        Activation == ClipActivation.QuickGelu && (VisionHeadWidth, TextHeadWidth) == (UsualHeadWidth, UsualHeadWidth)
        && (VisionMlpWidth, TextMlpWidth) == (UsualMlpRatio * VisionWidth, UsualMlpRatio * TextWidth);

    /// <summary>What a block of the vision transformer is made from.</summary>
    internal BlockSizes VisionBlock => new(VisionWidth, VisionHeadWidth, VisionMlpWidth, Activation);

    /// <summary>What a block of the text transformer is made from.</summary>
    internal BlockSizes TextBlock => new(TextWidth, TextHeadWidth, TextMlpWidth, Activation);

    /// <summary>Tokens of the vision transformer (class token included), or positions of the ResNet's attention pooling (mean token
    /// included).</summary>
    internal int ImagePositions => (ImageSize / (PatchSize ?? 32)) * (ImageSize / (PatchSize ?? 32)) + 1;

    /// <summary>The width of the ResNet's last stage.</summary>
    internal int ResNetWidth => VisionWidth * 32;

    /// <summary>A lower bound on the parameters: the embeddings and the large products.</summary>
    internal double MinimalParameterCount
    {
        get
        {
            double width = TextWidth, vision = VisionWidth, pool = ResNetWidth;
            double text = (width * VocabularySize) + (BlockParameters(width, TextMlpWidth) * TextLayers) + (width * EmbeddingDimension);
            return text + (IsVisionTransformer
                ? (BlockParameters(vision, VisionMlpWidth) * VisionLayers[0]) + (vision * EmbeddingDimension) + (vision * ImagePositions)
                : (3 * pool * pool) + (pool * EmbeddingDimension)
                + (17 * vision * vision * VisionLayers.Select((blocks, stage) => blocks * Math.Pow(4, stage)).Sum()));
        }
    }

    /// <summary>Whether all values are the same.</summary>
    /// <param name="other">The other one, or null.</param>
    public bool Equals(ClipArchitecture? other) =>
        other is not null && Values == other.Values && VisionLayers.SequenceEqual(other.VisionLayers);

    /// <inheritdoc/>
    public override int GetHashCode() => VisionLayers.Aggregate(Values.GetHashCode(), HashCode.Combine);

    /// <summary>The sizes in a line; of the activation, heads and inner widths what is not the default.</summary>
    public override string ToString()
    {
        string vision = IsVisionTransformer
            ? $"ViT, {VisionLayers[0]} blocks × {VisionWidth}, patch {PatchSize}"
            : $"ResNet, blocks ({string.Join(", ", VisionLayers)}) × {VisionWidth}";
        return $"{vision}, image {ImageSize}{Unusual(VisionWidth, VisionHeadWidth, VisionMlpWidth)}; "
            + $"text {TextLayers} blocks × {TextWidth}, {ContextLength} tokens of {VocabularySize}"
            + $"{Unusual(TextWidth, TextHeadWidth, TextMlpWidth)}; embedding {EmbeddingDimension}"
            + (Activation == ClipActivation.QuickGelu ? "" : $"; {Activation}");
    }

    private static string Unusual(int width, int headWidth, int mlpWidth) =>
        (headWidth == UsualHeadWidth ? "" : $", heads {headWidth} wide")
        + (mlpWidth == UsualMlpRatio * width ? "" : $", {mlpWidth} wide inside");

    // All but the list, which compares by reference.
    private (int, int, int, int?, int, int, (int, int, ClipActivation, int, int, int, int)) Values => (
        EmbeddingDimension, ImageSize, VisionWidth, PatchSize, TextWidth, TextLayers,
        (ContextLength, VocabularySize, Activation, VisionHeadWidth, TextHeadWidth, VisionMlpWidth, TextMlpWidth));

    private static double BlockParameters(double width, double mlpWidth) => (4 * width * width) + (2 * width * mlpWidth);

    /// <summary>Images can be embedded with any vocabulary, texts only with the one that the model was trained with.</summary>
    /// <param name="tokenizer">What cuts texts into tokens.</param>
    /// <param name="source">The model's file, for errors.</param>
    /// <exception cref="CheckpointFormatException">The model's vocabulary is not the tokenizer's.</exception>
    internal void RequireVocabulary(ClipTokenizer tokenizer, string source)
    {
        if (tokenizer.VocabularySize != VocabularySize)
        {
            throw new CheckpointFormatException(
                $"{source}: texts cannot be encoded: expected CLIP's vocabulary "
                + $"of {tokenizer.VocabularySize} tokens, found {VocabularySize} tokens.");
        }
    }

    /// <exception cref="ArgumentException">A size is out of range; the message names it.</exception>
    internal void Validate()
    {
        Require(EmbeddingDimension > 0, nameof(EmbeddingDimension), EmbeddingDimension, "a positive number");
        Require(VocabularySize > 0, nameof(VocabularySize), VocabularySize, "a positive number");
        Require(ContextLength > 2, nameof(ContextLength), ContextLength, "at least 3 tokens");
        Require(TextLayers > 0, nameof(TextLayers), TextLayers, "a positive number");
        Require(Enum.IsDefined(Activation), nameof(Activation), Activation, "a value of the enumeration");
        Require(VisionHeadWidth > 0, nameof(VisionHeadWidth), VisionHeadWidth, "a positive number");
        Require(TextHeadWidth > 0, nameof(TextHeadWidth), TextHeadWidth, "a positive number");
        Require(TextMlpWidth > 0, nameof(TextMlpWidth), TextMlpWidth, "a positive number");
        RequireHeads(TextWidth, nameof(TextWidth), TextHeadWidth, nameof(TextHeadWidth));
        Require(VisionLayers.All(n => n > 0), nameof(VisionLayers), string.Join(", ", VisionLayers), "positive numbers");
        if (PatchSize is { } patch)
        {
            Require(VisionLayers.Count == 1, nameof(VisionLayers), VisionLayers.Count, "one number for a vision transformer");
            Require(VisionMlpWidth > 0, nameof(VisionMlpWidth), VisionMlpWidth, "a positive number");
            RequireHeads(VisionWidth, nameof(VisionWidth), VisionHeadWidth, nameof(VisionHeadWidth));
            Require(patch > 0 && ImageSize >= patch && ImageSize % patch == 0, nameof(ImageSize), ImageSize,
                $"a multiple of the patch size {patch}");
        }
        else
        {
            Require(VisionLayers.Count == 4, nameof(VisionLayers), VisionLayers.Count, "four numbers for a ResNet");
            Require(VisionWidth > 0 && VisionWidth % 2 == 0, nameof(VisionWidth), VisionWidth, "a positive even number");
            Require(ResNetWidth % VisionHeadWidth == 0, nameof(VisionHeadWidth), VisionHeadWidth,
                $"a divisor of {ResNetWidth}, the width of the last stage");
            Require(ImageSize >= 32 && ImageSize % 32 == 0, nameof(ImageSize), ImageSize, "a multiple of 32");
        }
    }

    private static void RequireHeads(int width, string name, int headWidth, string headName) =>
        Require(width > 0 && width % headWidth == 0, name, width, $"a multiple of {headWidth} ({headName})");

    private static void Require(bool condition, string name, object found, string expected)
    {
        if (!condition)
        {
            throw new ArgumentException($"{nameof(ClipArchitecture)}.{name} must be {expected}; it is {found}.");
        }
    }
}
