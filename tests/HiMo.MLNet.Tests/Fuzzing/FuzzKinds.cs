namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>The kinds, in groups that share a process; each gets an empty folder.</summary>
internal static class FuzzKinds
{
    public static IReadOnlyDictionary<string, Func<string, IEnumerable<FuzzKind>>> Groups { get; } = new Dictionary<string, Func<string, IEnumerable<FuzzKind>>>
    {
        ["PyTorch zip"] = folder => [CheckpointFuzz.Zip(folder)],
        ["PyTorch before 1.6"] = folder => [CheckpointFuzz.Legacy(folder)],
        ["safetensors"] = folder => [CheckpointFuzz.Safetensors(folder)],
        ["shard index"] = folder => [CheckpointFuzz.ShardIndex(folder)],
        ["tokenizer"] = folder => [TokenizerFuzz.Kind(folder)],
        ["model zip"] = folder => [ModelZipFuzz.Kind(folder)],
        ["data sets"] = DataSetFuzz.Kinds,
        ["images"] = ImageFuzz.Kinds,
        ["captions"] = _ => [CaptionFuzz.Kind()],
    };
}
