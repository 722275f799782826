namespace HiMo.MLNet.Data;

/// <summary>A folder of pictures, subfolders included, each with its caption in a <c>.txt</c> of the same name beside it.</summary>
internal static class ImageFolder
{
    public static bool IsLaidOut(DataRoot root) =>
        PictureFiles.Below(root).FirstOrDefault() is string picture
            && File.Exists(Path.Combine(root.FullPath, Path.ChangeExtension(picture, ".txt")));

    public static IEnumerable<CaptionedImage> Read(DataRoot root)
    {
        foreach (string picture in PictureFiles.Below(root))
        {
            SourceLocation source = new(Path.Combine(root.FullPath, picture));
            string image = root.ResolveFile(picture, source);
            string text = root.ResolveFile(Path.ChangeExtension(picture, ".txt"), source);
            if (!File.Exists(text))
            {
                throw source.Error($"expected its caption in '{Path.GetFileName(text)}' beside it, found no such file.");
            }

            yield return new CaptionedImage(image, [TextRows.ReadAll(text).Trim().ReplaceLineEndings(" ")], source);
        }
    }

    /// <summary>A text without a picture may be a licence or a caption whose picture was lost: nothing tells which.</summary>
    public static IEnumerable<string> Notes(DataRoot root)
    {
        HashSet<string> captions = [.. PictureFiles.Below(root).Select(picture => Path.ChangeExtension(picture, ".txt"))];
        string[] alone = [.. Directory.EnumerateFiles(root.FullPath, "*.txt", new EnumerationOptions { RecurseSubdirectories = true })
            .Select(file => Path.GetRelativePath(root.FullPath, file).Replace('\\', '/')).Where(file => !captions.Contains(file))
            .Order(StringComparer.Ordinal)];
        if (alone.Length > 0)
        {
            yield return $"{alone.Length} text files have no picture beside them and are not read; the first is '{alone[0]}'.";
        }
    }
}
