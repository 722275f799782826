namespace HiMo.MLNet.Data;

/// <summary>
/// Urban1k: <c>image/NNN.jpg</c> with <c>caption/NNN.txt</c>, whose first line is the caption. Images without a caption come last, with
/// none.
/// </summary>
internal static class Urban1k
{
    private const string Images = "image";
    private const string Captions = "caption";

    public static bool IsLaidOut(DataRoot root) =>
        Directory.Exists(root.At(Images)) && Directory.Exists(root.At(Captions));

    public static IEnumerable<CaptionedImage> Read(DataRoot root)
    {
        HashSet<string> silent = [.. Directory.EnumerateFiles(root.At(Images), "*.jpg")
            .Select(file => Path.GetFileNameWithoutExtension(file))];
        foreach (string file in Directory.EnumerateFiles(root.At(Captions), "*.txt").Order(StringComparer.Ordinal))
        {
            SourceLocation source = new(file);
            string captionFile = root.ResolveFile($"{Captions}/{Path.GetFileName(file)}", source);
            string image = root.ResolveFile($"{Images}/{Path.GetFileNameWithoutExtension(file)}.jpg", source);
            silent.Remove(Path.GetFileNameWithoutExtension(file));
            yield return new CaptionedImage(image, [TextRows.ReadLines(captionFile).Select(row => row.Line).FirstOrDefault("")], source);
        }

        foreach (string name in silent.Order(StringComparer.Ordinal))
        {
            SourceLocation source = new(root.At(Images));
            yield return new CaptionedImage(root.ResolveFile($"{Images}/{name}.jpg", source), [], source);
        }
    }
}
