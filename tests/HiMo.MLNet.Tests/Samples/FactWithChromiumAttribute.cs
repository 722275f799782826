namespace HiMo.MLNet.Tests.Samples;

/// <summary>A fact that needs a Chromium to look at a page with.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithChromiumAttribute : FactAttribute
{
    /// <summary>The program; null if there is none.</summary>
    public static string? Program { get; } = Environment.GetEnvironmentVariable("HIMO_CHROMIUM") ??
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .SelectMany(folder => ((string[])["chromium", "chromium-browser", "google-chrome"]).Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);

    public FactWithChromiumAttribute()
    {
        if (Program is null)
        {
            Skip = "Needs Chromium: apt-get install chromium, or the path of one in HIMO_CHROMIUM.";
        }
    }
}
