namespace HiMo.MLNet.Tests;

/// <summary>A folder that lasts as long as its test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("himo-").FullName;

    /// <summary>Writes a file, with the folders on its way, and returns its full path.</summary>
    public string Write(string path, string text = "") => Write(path, System.Text.Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="Write(string, string)"/>
    public string Write(string path, ReadOnlySpan<byte> bytes)
    {
        string full = Path.Combine(FullPath, path);
        Directory.CreateDirectory(Path.GetDirectoryName(full)!);
        File.WriteAllBytes(full, bytes);
        return full;
    }

    public string At(string path) => Path.Combine(FullPath, path.Replace('/', Path.DirectorySeparatorChar));

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
