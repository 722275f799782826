namespace HiMo.MLNet.Data;

/// <summary>A folder for each class, with its images in it or further below; the folder's name is the caption.</summary>
internal static class ClassFolder
{
    public static bool IsLaidOut(DataRoot root)
    {
        string[] classes = [.. ImageFiles.Below(root).Select(Class).Distinct().Take(2)];
        return classes.Length == 2 && !classes.Contains("");
    }

    public static IEnumerable<CaptionedImage> Read(DataRoot root)
    {
        foreach (string image in ImageFiles.Below(root))
        {
            SourceLocation source = new(root.At(image));
            yield return Class(image) is { Length: > 0 } name
                ? new CaptionedImage(root.ResolveFile(image, source), [name], source)
                : throw source.Error("expected every image in the folder of its class, found one beside the folders.");
        }
    }

    /// <summary>The first folder of a path; empty without one.</summary>
    private static string Class(string image) => image[..Math.Max(image.IndexOf('/'), 0)];
}
