namespace HiMo.MLNet.Data;

/// <summary>A folder of images, subfolders included, each with its caption in a <c>.txt</c> of the same name beside it.</summary>
internal static class ImageFolder
{
    public static bool IsLaidOut(DataRoot root) =>
        ImageFiles.Below(root).FirstOrDefault() is string image
            && File.Exists(root.At(Path.ChangeExtension(image, ".txt")));

    public static IEnumerable<CaptionedImage> Read(DataRoot root)
    {
        foreach (string file in ImageFiles.Below(root))
        {
            SourceLocation source = new(root.At(file));
            string image = root.ResolveFile(file, source);
            string text = root.ResolveFile(Path.ChangeExtension(file, ".txt"), source);
            yield return File.Exists(text)
                ? new CaptionedImage(image, [TextRows.ReadAll(text).Trim().ReplaceLineEndings(" ")], source)
                : throw source.Error($"expected its caption in '{Path.GetFileName(text)}' beside it, found no such file.");
        }
    }

    /// <summary>A text without an image may be a licence or a caption whose image was lost: nothing tells which.</summary>
    public static IEnumerable<string> Notes(DataRoot root)
    {
        HashSet<string> captions = [.. ImageFiles.Below(root).Select(image => Path.ChangeExtension(image, ".txt"))];
        string[] alone = [.. Directory.EnumerateFiles(root.FullPath, "*.txt", new EnumerationOptions { RecurseSubdirectories = true })
            .Select(file => Path.GetRelativePath(root.FullPath, file).Replace('\\', '/')).Where(file => !captions.Contains(file))
            .Order(StringComparer.Ordinal)];
        if (alone.Length > 0)
        {
            yield return $"{alone.Length} text files have no image beside them and are not read; the first is '{alone[0]}'.";
        }
    }
}
