using System.Drawing;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization;
using TorchSharp;

namespace HiMo.MLNet.Training;

/// <summary>
/// What decides the course of a training, by name. A checkpoint of the training holds it, and a resumed training must have the same.
/// </summary>
internal static class TrainingSettings
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter(), new ColorConverter() },
    };

    /// <summary>Those that change the order of sums and nothing else, unless batch norm learns its statistics batch by batch.</summary>
    private static readonly string[] s_rounding = [nameof(TrainingOptions.MicroBatchSize), nameof(TrainingOptions.Devices)];

    /// <param name="options">The options.</param>
    /// <param name="plan">What they come to.</param>
    /// <param name="pairs">The rows of the data.</param>
    /// <param name="validationPairs">Those of the validation set, or null.</param>
    /// <param name="ranks">The processes.</param>
    public static IReadOnlyDictionary<string, string> Of(TrainingOptions options, TrainingPlan plan, long pairs, long? validationPairs,
        int ranks = 1)
    {
        var settings = new Dictionary<string, string>();
        void Set(object? value, [CallerArgumentExpression(nameof(value))] string name = "") =>
            settings[name[(name.LastIndexOf('.') + 1)..]] = Text(value);
        Set(pairs, "rows of the data");
        Set(options.Checkpoint is null ? $"new weights of {options.Architecture}" : "a checkpoint", "beginning");
        Set(options.Activation);
        Set($"{(options.FreezeImageTower ? "all" : options.FrozenImageBlocks)} image, "
            + $"{(options.FreezeTextTower ? "all" : options.FrozenTextBlocks)} text", "frozen parts");
        Set(options.FreezeFirstPositions);
        Set(options.Epochs);
        Set(options.MaxSteps);
        Set(options.BatchSize);
        Set(options.DropLastBatch);
        Set(options.MicroBatchSize);
        int devices = options.Devices?.Count ?? 1;
        Set(ranks == 1 ? devices : $"{devices} on each of {ranks} ranks", nameof(options.Devices));
        Set(options.Precision);
        Set(plan.LearningRate);
        Set(options.WeightDecay);
        Set(plan.WarmupSteps);
        Set(options.MaxGradientNorm);
        Set(options.InitialLogitScale);
        Set(plan.MaxLogitScale);
        Set(options.CaptionSampling ?? options.Objective.Needs.CaptionSampling, nameof(options.CaptionSampling));
        Set(validationPairs, "rows of the ValidationSet");
        if (validationPairs is not null)
        {
            Set(options.ValidationMetric);
            Set(options.Patience);
        }

        Add(settings, nameof(options.Objective), options.Objective);
        Add(settings, nameof(options.Augmentation), options.Augmentation);
        return settings;
    }

    /// <summary>What the ranks of a training must have the same besides.</summary>
    public static IReadOnlyDictionary<string, string> OfRank(
        IReadOnlyDictionary<string, string> settings, TrainingOptions options, int? seed)
    {
        Assembly library = typeof(TrainingSettings).Assembly;
        return new Dictionary<string, string>(settings)
        {
            ["seed of the MLContext"] = Text(seed),
            [nameof(options.MaxUnreadableShare)] = Text(options.MaxUnreadableShare),
            ["HiMo.MLNet"] = $"{library.GetName().Version?.ToString(3)} (build {library.ManifestModule.ModuleVersionId:n})",
            ["TorchSharp"] = Text(typeof(torch).Assembly.GetName().Version),
        };
    }

    // By its type, and its properties under the type's name.
    private static void Add(Dictionary<string, string> settings, string name, object? value)
    {
        settings[name] = value?.GetType().Name ?? Text(null);
        if (value is null)
        {
            return;
        }

        foreach (JsonProperty property in JsonSerializer.SerializeToElement(value, value.GetType(), s_json).EnumerateObject())
        {
            settings[$"{value.GetType().Name}.{property.Name}"] = property.Value.ToString();
        }
    }

    private static string Text(object? value) => value is null ? "null" : Convert.ToString(value, CultureInfo.InvariantCulture)!;

    /// <summary>Compares the settings of an interrupted training with those of the one that is to go on.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="state">What it holds.</param>
    /// <param name="now">The settings now.</param>
    /// <param name="seed">The seed now; null for any.</param>
    /// <param name="learnsStatistics">Whether batch norm learns its statistics, in which micro-batches make a difference.</param>
    /// <returns>What the user should know about a training that may go on.</returns>
    /// <exception cref="InvalidOperationException">They are not the same; the message names each with both values.</exception>
    public static IReadOnlyList<string> Compare(
        string path, TrainingState state, IReadOnlyDictionary<string, string> now, int? seed, bool learnsStatistics)
    {
        List<string> differences = [], rounding = [], unknown = [];
        if (seed is not null && seed != state.Seed)
        {
            differences.Add($"seed of the MLContext was {state.Seed}; now it is {seed}");
        }

        foreach ((string name, string value) in now)
        {
            if (!state.Settings.TryGetValue(name, out string? then))
            {
                unknown.Add(name);
            }
            else if (then != value)
            {
                (s_rounding.Contains(name) && !learnsStatistics ? rounding : differences).Add($"{name} was {then}; now it is {value}");
            }
        }

        if (differences.Count > 0)
        {
            throw new InvalidOperationException(
                $"'{path}' was written by a training whose {string.Join(", whose ", differences)}. Resume with the former, "
                + $"or begin anew without {nameof(HiMoClipOptions)}.{nameof(HiMoClipOptions.ResumeFrom)}.");
        }

        List<string> notes = [];
        if (rounding.Count > 0)
        {
            notes.Add($"'{path}' was written by a training whose {string.Join(", whose ", rounding)}: "
                + "the gradients are the same but for rounding, the result is not so bit for bit.");
        }

        if (unknown.Count > 0)
        {
            notes.Add($"'{path}' does not say what its training had for {string.Join(", ", unknown)}: "
                + "an earlier version wrote it. See that they are the same now.");
        }

        return notes;
    }

    private sealed class ColorConverter : JsonConverter<Color>
    {
        public override Color Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, Color value, JsonSerializerOptions options) =>
            writer.WriteStringValue($"#{value.ToArgb() & 0xFFFFFF:x6}");
    }
}
