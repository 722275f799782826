using System.Text.Json;

namespace HiMo.MLNet.Cli;

/// <summary>A model on a hub that speaks as huggingface.co does.</summary>
internal static class HubRepository
{
    public const string Server = "https://huggingface.co";

    // The first kind that is there holds the weights; the others would be the same again.
    private static readonly Func<string, bool>[] s_weights =
    [
        name => name == "model.safetensors",
        name => name.StartsWith("model-", StringComparison.Ordinal) && name.EndsWith(".safetensors", StringComparison.Ordinal),
        name => name == "open_clip_model.safetensors",
        name => name.EndsWith(".safetensors", StringComparison.Ordinal),
        name => name.EndsWith(".pt", StringComparison.Ordinal),
        name => name.EndsWith(".bin", StringComparison.Ordinal),
    ];

    /// <summary>The files that a model needs: the weights, once, and what lies beside them.</summary>
    /// <exception cref="IOException">There is no such repository, or no model in it.</exception>
    public static async Task<string[]> FilesAsync(Downloader downloader, string server, string repository, CancellationToken cancellation)
    {
        string address = $"{server}/api/models/{repository}", text = await downloader.ReadAsync(address, cancellation);
        string[] names;
        try
        {
            using var answer = JsonDocument.Parse(text);
            // Files of folders are other forms of the model; and no name may lead out of the folder it is put into.
            names = [.. answer.RootElement.GetProperty("siblings").EnumerateArray()
                .Select(file => file.GetProperty("rfilename").GetString()!)
                .Where(name => name == Path.GetFileName(name) && !name.Contains('\\') && name.Trim('.').Length > 0)];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new IOException($"'{address}': expected the hub's list of the repository's files, found something else.", e);
        }

        string[] weights = s_weights.Select(isWeights => names.Where(isWeights).ToArray()).FirstOrDefault(found => found.Length > 0)
            ?? throw new IOException($"'{repository}': expected a file of weights, found {names.Length} files without one.");
        return [.. names.Where(name => name.EndsWith(".json", StringComparison.Ordinal) || name == "merges.txt"), .. weights];
    }

    public static string Address(string server, string repository, string file) => $"{server}/{repository}/resolve/main/{file}";
}
