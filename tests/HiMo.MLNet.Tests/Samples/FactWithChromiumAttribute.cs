namespace HiMo.MLNet.Tests.Samples;

/// <summary>A fact that needs a Chromium to look at a page with.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithChromiumAttribute : FactAttribute
{
    /// <summary>The program; null if there is none.</summary>
    public static string? Program { get; } = Environment.GetEnvironmentVariable("HIMO_CHROMIUM")
        ?? InstalledProgram.Find("chromium", "chromium-browser", "google-chrome");

    public FactWithChromiumAttribute()
    {
        if (Program is null)
        {
            Skip = "Needs Chromium: apt-get install chromium, or the path of one in HIMO_CHROMIUM.";
        }
    }
}
