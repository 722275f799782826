using System.Text.Json;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>What became of one fine-tuning; a file in the folder.</summary>
internal sealed record ReproductionRun
{
    public required string Network { get; init; }

    public required string Variant { get; init; }

    public required int Seed { get; init; }

    public required int Steps { get; init; }

    /// <summary>The mean of the last tenth of the steps.</summary>
    public required double Loss { get; init; }

    /// <summary>m, the components that HiDe kept: the mean of the last tenth of the steps; 0 for other objectives.</summary>
    public required double Components { get; init; }

    /// <summary>s at the end.</summary>
    public required double LogitScale { get; init; }

    /// <summary>Training and measuring.</summary>
    public required double Seconds { get; init; }

    /// <summary>For each measure a number for each scene: see <see cref="SceneMeasures"/>.</summary>
    public required Dictionary<string, double[]> Measures { get; init; }

    public static string PathOf(string folder, string network, string variant, int seed) => Path.Combine(folder,
        $"{network}, {variant}, seed {seed}.json".Replace(' ', '-').Replace(",", "", StringComparison.Ordinal));

    /// <summary>Null if it is not there yet.</summary>
    public static ReproductionRun? Read(string path) =>
        File.Exists(path) ? JsonSerializer.Deserialize<ReproductionRun>(File.ReadAllText(path)) : null;

    /// <summary>Writes beside and moves: a file that is there is whole.</summary>
    public void Write(string path)
    {
        File.WriteAllText(path + ".partial", JsonSerializer.Serialize(this));
        File.Move(path + ".partial", path, overwrite: true);
    }
}
