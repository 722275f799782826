using System.Text.Json;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>
/// How much is trained and measured. It stands in the folder as plan.json, and a folder goes on with the plan that it has.
/// </summary>
internal sealed record ReproductionPlan
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    /// <summary>Every variant is fine-tuned for each of the seeds 1, 2, …, with scenes of its own, from one pretrained model.</summary>
    public required int Seeds { get; init; }

    /// <summary><c>vit</c> and <c>resnet</c>.</summary>
    public required string[] Networks { get; init; }

    /// <summary>Names of <see cref="ReproductionVariants"/>.</summary>
    public required string[] Variants { get; init; }

    /// <summary>The scenes whose gists are pretrained on.</summary>
    public required int PretrainingScenes { get; init; }

    /// <summary>The most passes over them.</summary>
    public required int PretrainingEpochs { get; init; }

    /// <summary>Pretraining ends after so many passes in a row without a better recall of validation gists.</summary>
    public required int Patience { get; init; }

    /// <summary>The scenes whose captions are fine-tuned on.</summary>
    public required int FineTuningScenes { get; init; }

    /// <summary>Passes over them.</summary>
    public required int FineTuningEpochs { get; init; }

    /// <summary>AdamW's rate in fine-tuning, the same for all.</summary>
    public required double FineTuningRate { get; init; }

    /// <summary>The pairs of a batch, where a variant does not say.</summary>
    public required int BatchSize { get; init; }

    /// <summary>What is measured on.</summary>
    public required int TestScenes { get; init; }

    /// <summary>The side of the images, in pixels.</summary>
    public int ImageSize { get; init; } = 64;

    /// <summary>What two cores do in under ten minutes.</summary>
    public static ReproductionPlan Quick { get; } = new()
    {
        Seeds = 2,
        Networks = ["vit"],
        Variants =
        [
            "CLIP", "CLIP, LocalOnly", "component only", "HiMo-CLIP", "HiMo-CLIP, LocalOnly", "Long-CLIP", "SmartCLIP",
        ],
        PretrainingScenes = 6144,
        PretrainingEpochs = 6,
        Patience = 3,
        FineTuningScenes = 2048,
        FineTuningEpochs = 2,
        FineTuningRate = 1e-3,
        BatchSize = 128,
        TestScenes = 200,
    };

    /// <summary>Hours on two cores.</summary>
    public static ReproductionPlan Full { get; } = new()
    {
        Seeds = 5,
        Networks = ["vit", "resnet"],
        Variants = [.. ReproductionVariants.All.Select(v => v.Name)],
        PretrainingScenes = 16_384,
        PretrainingEpochs = 15,
        Patience = 4,
        FineTuningScenes = 4096,
        FineTuningEpochs = 2,
        FineTuningRate = 1e-3,
        BatchSize = 128,
        TestScenes = 500,
    };

    /// <summary>
    /// The networks by name, small ones of each type: the vision transformer with CLIP's own context of 77 tokens, to be stretched, the
    /// ResNet with 248 from the start.
    /// </summary>
    /// <exception cref="InvalidDataException">There is none of that name.</exception>
    public ClipArchitecture Network(string name) => name switch
    {
        "vit" => new ClipArchitecture(128, ImageSize, [3], 128, ImageSize / 4, 64, 2)
        {
            ContextLength = 77,
            VisionHeadWidth = 32,
            TextHeadWidth = 32,
        },
        "resnet" => ClipArchitecture.Small with { EmbeddingDimension = 128, ImageSize = ImageSize },
        _ => throw new InvalidDataException($"plan.json: expected networks out of vit and resnet, found '{name}'."),
    };

    /// <summary>The plan in a folder, or this one, which is then the folder's.</summary>
    /// <exception cref="InvalidDataException">The folder has models and results of other sizes or another rate.</exception>
    public ReproductionPlan OrThatOf(string folder)
    {
        ReproductionPlan plan = Kept(folder, "plan.json", this);
        // What may be added to: more seeds, networks and variants.
        ReproductionPlan sizes = plan with { Seeds = 0, Networks = [], Variants = [] };
        if (JsonSerializer.Serialize(Kept(folder, "sizes.json", sizes), s_json) != JsonSerializer.Serialize(sizes, s_json))
        {
            throw new InvalidDataException($"'{Path.Combine(folder, "plan.json")}': expected the sizes and the rate of what is there, "
                + "as sizes.json has them; only Seeds, Networks and Variants may change. Give another --folder.");
        }

        return plan;
    }

    private static ReproductionPlan Kept(string folder, string name, ReproductionPlan standard)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            File.WriteAllText(path, JsonSerializer.Serialize(standard, s_json));
        }

        return JsonSerializer.Deserialize<ReproductionPlan>(File.ReadAllText(path))!;
    }
}
