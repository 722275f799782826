using System.Runtime.CompilerServices;

namespace HiMo.MLNet;

/// <summary>
/// What checkpoints, data sets and images may ask for before they are refused: far above what the papers' models and data
/// need, far below harm. Every refusal names the limit that it comes from.
/// </summary>
/// <example>
/// <code>
/// ClipLimits.Current = ClipLimits.Current with { ImagePixels = 400_000_000 };
/// </code>
/// </example>
public sealed record ClipLimits
{
    private static volatile ClipLimits s_current = new();

    /// <summary>The limits of this process; they hold for what is opened from then on.</summary>
    public static ClipLimits Current
    {
        get => s_current;
        set => s_current = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>Tensors in a checkpoint, and entries in an archive. Default 100,000.</summary>
    public int Tensors { get; init => field = Positive(value); } = 100_000;

    /// <summary>Characters of a tensor's name. Default 1,024.</summary>
    public int TensorNameLength { get; init => field = Positive(value); } = 1_024;

    /// <summary>Dimensions of a tensor. Default 16.</summary>
    public int TensorDimensions { get; init => field = Positive(value); } = 16;

    /// <summary>Bytes of one tensor, or of a file of an ONNX graph, in a model zip. Default 8 GiB.</summary>
    public long StreamedTensorBytes { get; init => field = Positive(value); } = 8L << 30;

    /// <summary>Bytes of a safetensors header. Default 100,000,000, as in the reference implementation.</summary>
    public int HeaderBytes { get; init => field = Positive(value); } = 100_000_000;

    /// <summary>Texts that a safetensors header keeps beside the tensors. Default 10,000.</summary>
    public int HeaderTexts { get; init => field = Positive(value); } = 10_000;

    /// <summary>Bytes of a PyTorch file's pickle after decompression, and of an archive's table of contents. Default 64 MiB.</summary>
    public int PickleBytes { get; init => field = Positive(value); } = 64 << 20;

    /// <summary>Instructions of a pickle: 36 a tensor, so about 65,000 for a ViT-L/14 with its optimizer's state. Default
    /// 2,000,000.</summary>
    public int PickleInstructions { get; init => field = Positive(value); } = 2_000_000;

    /// <summary>Bytes of one text in a pickle. Default 1 MiB.</summary>
    public int PickleTextBytes { get; init => field = Positive(value); } = 1 << 20;

    /// <summary>Decompressed bytes per compressed byte of a pickle; those of state dicts reach 3 to 4. Default 200.</summary>
    public int ExpansionRatio { get; init => field = Positive(value); } = 200;

    /// <summary>Bytes of all tensors per byte of the PyTorch file: tensors may share a storage, tied weights once or twice. Default
    /// 8.</summary>
    public int SharingRatio { get; init => field = Positive(value); } = 8;

    /// <summary>Modules inside modules in a TorchScript archive. Default 64.</summary>
    public int ModuleDepth { get; init => field = Positive(value); } = 64;

    /// <summary>Bytes of an index of shards, and of a configuration or tokenizer file beside a checkpoint. Default 16 MiB.</summary>
    public int IndexBytes { get; init => field = Positive(value); } = 16 << 20;

    /// <summary>Files of a sharded checkpoint. Default 1,000.</summary>
    public int Shards { get; init => field = Positive(value); } = 1_000;

    /// <summary>
    /// Characters of one row of a data set: a line, a row of a table or a file with a caption; bytes of an element of a JSON array.
    /// Default 16,777,216.
    /// </summary>
    public int RowLength { get; init => field = Positive(value); } = 16 << 20;

    /// <summary>Images whose names a data set's format makes the reader hold: those of COCO and Flickr30k. Default 10,000,000.</summary>
    public int ImagesHeld { get; init => field = Positive(value); } = 10_000_000;

    /// <summary>Captions of one image. Default 10,000.</summary>
    public int CaptionsPerImage { get; init => field = Positive(value); } = 10_000;

    /// <summary>Characters of a path in a data set. Default 4,096.</summary>
    public int PathLength { get; init => field = Positive(value); } = 4_096;

    /// <summary>Width times height of an image. Default 100,000,000: 700 MB while it is decoded.</summary>
    public int ImagePixels { get; init => field = Positive(value); } = 100_000_000;

    /// <summary>The longer side of an image in pixels. Default 65,535.</summary>
    public int ImageSide { get; init => field = Positive(value); } = 65_535;

    /// <summary>Bytes of an image's file. Default 512 MiB.</summary>
    public int ImageFileBytes { get; init => field = Positive(value); } = 512 << 20;

    /// <summary>"expected at most 16 dimensions (ClipLimits.TensorDimensions)".</summary>
    internal static string AtMost(long limit, string unit, [CallerArgumentExpression(nameof(limit))] string expression = "") =>
        $"expected at most {limit} {unit} (to raise it, set {nameof(ClipLimits)}.{nameof(Current)} with another "
        + $"{expression[(expression.LastIndexOf('.') + 1)..]})";

    private static int Positive(int value, [CallerMemberName] string name = "") => (int)Positive((long)value, name);

    private static long Positive(long value, [CallerMemberName] string name = "") =>
        value > 0 ? value : throw new ArgumentOutOfRangeException(name, value, "Expected a positive limit.");
}
