using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace HiMo.MLNet.Cli;

/// <summary>What tells that a file is the right one.</summary>
/// <param name="Value">SHA-256 in 64 hexadecimal digits; or 40, the SHA-1 by which git knows a small file of a hub.</param>
internal sealed record FileHash(string Value)
{
    private const int Sha256Digits = 64, GitDigits = 40;

    private bool IsGit => Value.Length == GitDigits;

    public override string ToString() => $"{(IsGit ? "git's SHA-1" : "SHA-256")} {Value}";

    /// <summary>The hash that an answer of a hub tells: that of the large file it leads to, or of the small one that it is.</summary>
    public static FileHash? Of(HttpResponseHeaders headers)
    {
        string? linked = headers.TryGetValues("X-Linked-Etag", out IEnumerable<string>? values) ? values.First() : null;
        string tag = (linked ?? headers.ETag?.Tag ?? "").Trim('"').ToLowerInvariant();
        return tag.Length is Sha256Digits or GitDigits && tag.All(char.IsAsciiHexDigit) ? new(tag) : null;
    }

    public async Task<bool> FitsAsync(string path, CancellationToken cancellation) =>
        (IsGit ? await GitAsync(path, cancellation) : await Sha256Async(path, cancellation)) == Value;

    public static async Task<string> Sha256Async(string path, CancellationToken cancellation)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }

    // Not for safety, which SHA-1 does not give: it tells a cut or damaged file.
    private static async Task<string> GitAsync(string path, CancellationToken cancellation)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        byte[] content = await File.ReadAllBytesAsync(path, cancellation);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {content.Length}\0"));
        hash.AppendData(content);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
