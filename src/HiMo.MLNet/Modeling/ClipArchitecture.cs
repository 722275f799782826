namespace HiMo.MLNet;

/// <summary>
/// The sizes of a CLIP dual encoder. Attention heads are 64 wide everywhere, so that head counts follow from the widths.
/// </summary>
/// <param name="EmbeddingDimension">d, the size of the joint image and text embedding space.</param>
/// <param name="ImageSize">The side of the square input picture, in pixels.</param>
/// <param name="VisionLayers">One number for a vision transformer: its blocks. Four for a ResNet: the blocks of each stage.</param>
/// <param name="VisionWidth">The width of the vision transformer (a multiple of 64), or of the ResNet's first stage
/// (a multiple of 2, with 32 × width a multiple of 64).</param>
/// <param name="PatchSize">The side of a vision transformer's patch, in pixels; null for a ResNet.</param>
/// <param name="TextWidth">The width of the text transformer, a multiple of 64.</param>
/// <param name="TextLayers">The blocks of the text transformer.</param>
public sealed record ClipArchitecture(
    int EmbeddingDimension, int ImageSize, IReadOnlyList<int> VisionLayers, int VisionWidth, int? PatchSize, int TextWidth, int TextLayers)
{
    /// <summary>The width of an attention head, in every network of the family.</summary>
    internal const int HeadWidth = 64;

    /// <summary>Tokens in a caption, start and end tokens included. Longer captions are cut. Default: 248, as in Long-CLIP and HiMo-CLIP.</summary>
    public int ContextLength { get; init; } = 248;

    /// <summary>Entries in the token vocabulary. Default: CLIP's 49,408.</summary>
    public int VocabularySize { get; init; } = 49_408;

    /// <summary>CLIP ViT-B/32: 224-pixel pictures, 512-dimensional embeddings.</summary>
    public static ClipArchitecture ViTB32 { get; } = new(512, 224, [12], 768, 32, 512, 12);

    /// <summary>CLIP ViT-B/16: 224-pixel pictures, 512-dimensional embeddings.</summary>
    public static ClipArchitecture ViTB16 { get; } = new(512, 224, [12], 768, 16, 512, 12);

    /// <summary>CLIP ViT-L/14: 224-pixel pictures, 768-dimensional embeddings.</summary>
    public static ClipArchitecture ViTL14 { get; } = new(768, 224, [24], 1024, 14, 768, 12);

    /// <summary>CLIP ViT-L/14@336px: 336-pixel pictures, 768-dimensional embeddings.</summary>
    public static ClipArchitecture ViTL14At336 { get; } = ViTL14 with { ImageSize = 336 };

    /// <summary>CLIP RN50: 224-pixel pictures, 1024-dimensional embeddings.</summary>
    public static ClipArchitecture RN50 { get; } = new(1024, 224, [3, 4, 6, 3], 64, null, 512, 12);

    /// <summary>CLIP RN101: 224-pixel pictures, 512-dimensional embeddings.</summary>
    public static ClipArchitecture RN101 { get; } = new(512, 224, [3, 4, 23, 3], 64, null, 512, 12);

    /// <summary>CLIP RN50x4: 288-pixel pictures, 640-dimensional embeddings.</summary>
    public static ClipArchitecture RN50x4 { get; } = new(640, 288, [4, 6, 10, 6], 80, null, 640, 12);

    /// <summary>
    /// A small ResNet for training from scratch on a CPU with a few thousand small pictures: 64-pixel pictures,
    /// 256-dimensional embeddings. This library's own preset.
    /// </summary>
    public static ClipArchitecture Small { get; } = new(256, 64, [1, 1, 1, 1], 16, null, 128, 2);

    /// <summary>Whether the image tower is a vision transformer; otherwise it is CLIP's modified ResNet.</summary>
    public bool IsVisionTransformer => PatchSize is not null;

    /// <summary>Tokens of the vision transformer (class token included), or positions of the ResNet's attention pooling (mean token included).</summary>
    internal int ImagePositions => (ImageSize / (PatchSize ?? 32)) * (ImageSize / (PatchSize ?? 32)) + 1;

    /// <summary>The width of the ResNet's last stage.</summary>
    internal int ResNetWidth => VisionWidth * 32;

    /// <summary>A lower bound on the parameters: the embeddings and the large products.</summary>
    internal double MinimalParameterCount
    {
        get
        {
            double width = TextWidth, vision = VisionWidth, pool = ResNetWidth;
            double text = (width * VocabularySize) + (12 * width * width * TextLayers) + (width * EmbeddingDimension);
            return text + (IsVisionTransformer
                ? (12 * vision * vision * VisionLayers[0]) + (vision * EmbeddingDimension) + (vision * ImagePositions)
                : (3 * pool * pool) + (pool * EmbeddingDimension) + (17 * vision * vision * VisionLayers.Select((blocks, stage) => blocks * Math.Pow(4, stage)).Sum()));
        }
    }

    /// <inheritdoc/>
    public override string ToString() => IsVisionTransformer
        ? $"ViT, {VisionLayers[0]} blocks × {VisionWidth}, patch {PatchSize}, image {ImageSize}; text {TextLayers} blocks × {TextWidth}, {ContextLength} tokens of {VocabularySize}; embedding {EmbeddingDimension}"
        : $"ResNet, blocks ({string.Join(", ", VisionLayers)}) × {VisionWidth}, image {ImageSize}; text {TextLayers} blocks × {TextWidth}, {ContextLength} tokens of {VocabularySize}; embedding {EmbeddingDimension}";

    /// <exception cref="ArgumentException">A size is out of range; the message names it.</exception>
    internal void Validate()
    {
        Require(EmbeddingDimension > 0, nameof(EmbeddingDimension), EmbeddingDimension, "a positive number");
        Require(VocabularySize > 0, nameof(VocabularySize), VocabularySize, "a positive number");
        Require(ContextLength > 2, nameof(ContextLength), ContextLength, "at least 3 tokens");
        Require(TextLayers > 0, nameof(TextLayers), TextLayers, "a positive number");
        Require(TextWidth > 0 && TextWidth % HeadWidth == 0, nameof(TextWidth), TextWidth, $"a multiple of {HeadWidth}");
        Require(VisionLayers.All(n => n > 0), nameof(VisionLayers), string.Join(", ", VisionLayers), "positive numbers");
        if (PatchSize is { } patch)
        {
            Require(VisionLayers.Count == 1, nameof(VisionLayers), VisionLayers.Count, "one number for a vision transformer");
            Require(VisionWidth > 0 && VisionWidth % HeadWidth == 0, nameof(VisionWidth), VisionWidth, $"a multiple of {HeadWidth}");
            Require(patch > 0 && ImageSize >= patch && ImageSize % patch == 0, nameof(ImageSize), ImageSize, $"a multiple of the patch size {patch}");
        }
        else
        {
            Require(VisionLayers.Count == 4, nameof(VisionLayers), VisionLayers.Count, "four numbers for a ResNet");
            Require(VisionWidth > 0 && VisionWidth % 2 == 0, nameof(VisionWidth), VisionWidth, "a positive even number");
            Require(ImageSize >= 32 && ImageSize % 32 == 0, nameof(ImageSize), ImageSize, "a multiple of 32");
        }
    }

    private static void Require(bool condition, string name, object found, string expected)
    {
        if (!condition)
        {
            throw new ArgumentException($"{nameof(ClipArchitecture)}.{name} must be {expected}; it is {found}.");
        }
    }
}
