namespace HiMo.MLNet.Data;

/// <summary>A folder of pictures, subfolders included, each with its caption in a <c>.txt</c> of the same name beside it.</summary>
internal static class ImageFolder
{
    public static bool IsLaidOut(DataRoot root) =>
        PictureFiles.Below(root).FirstOrDefault() is string picture && File.Exists(Path.Combine(root.FullPath, Path.ChangeExtension(picture, ".txt")));

    public static IEnumerable<CaptionedImage> Read(DataRoot root)
    {
        foreach (string picture in PictureFiles.Below(root))
        {
            SourceLocation source = new(Path.Combine(root.FullPath, picture));
            string image = root.Resolve(picture, source);
            string text = root.Resolve(Path.ChangeExtension(picture, ".txt"), source);
            if (!File.Exists(text))
            {
                throw source.Error($"expected its caption in '{Path.GetFileName(text)}' beside it, found no such file.");
            }

            yield return new CaptionedImage(image, [File.ReadAllText(text).Trim().ReplaceLineEndings(" ")], source);
        }
    }
}
