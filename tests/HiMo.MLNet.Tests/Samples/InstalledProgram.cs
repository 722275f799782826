namespace HiMo.MLNet.Tests.Samples;

/// <summary>Programs of this machine that some tests need.</summary>
internal static class InstalledProgram
{
    // Daemons lie where the PATH of some does not lead.
    private static readonly string[] s_folders =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator), .. OperatingSystem.IsWindows() ? (string[])[] : ["/usr/sbin"]];

    /// <summary>The path of the first one that is there; null if none is.</summary>
    public static string? Find(params string[] names) =>
        s_folders.SelectMany(folder => names.Select(name => Path.Combine(folder, name))).FirstOrDefault(File.Exists);

    /// <summary>Whether each of them is there.</summary>
    public static bool HasAll(params string[] names) => Array.TrueForAll(names, name => Find(name) is not null);
}
