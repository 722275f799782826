namespace HiMo.MLNet.Tests.Data;

/// <summary>A fact about symbolic links: Windows lets only some users make them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWhereLinksCanBeMadeAttribute : FactAttribute
{
    private static readonly bool CanBeMade = TryMakeLink();

    public FactWhereLinksCanBeMadeAttribute()
    {
        if (!CanBeMade)
        {
            Skip = "This user may not make symbolic links.";
        }
    }

    private static bool TryMakeLink()
    {
        using TemporaryFolder folder = new();
        try
        {
            File.CreateSymbolicLink(folder.At("link"), folder.Write("file"));
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
