using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>DOCCI: JSON lines with <c>image_file</c>, <c>description</c> and <c>split</c>; images in <c>images</c> or beside.</summary>
internal static class Docci
{
    /// <param name="root">The data set.</param>
    /// <param name="file">The descriptions.</param>
    /// <param name="split">The only split wanted, or <see langword="null"/> for all rows.</param>
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file, string? split = null)
    {
        string folder = root.FirstFolder("images");
        foreach ((JsonElement row, SourceLocation source) in JsonFields.ReadLines(file))
        {
            if (split is null || row.GetText("split", source) == split)
            {
                string image = row.GetText("image_file", source);
                yield return new CaptionedImage(root.Resolve(folder + image, source), [row.GetText("description", source).Trim()], source);
            }
        }
    }
}
