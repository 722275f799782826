using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>
/// HiMo-Docci: JSON lines with <c>img_path</c> and, as <c>caption</c>, the growing texts of one description, shortest first,
/// any number of them; images in <c>images</c> or beside.
/// </summary>
internal static class HiMoDocci
{
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        string folder = root.FirstFolder("images");
        foreach ((JsonElement row, SourceLocation source) in JsonFields.ReadLines(file))
        {
            string image = row.GetText("img_path", source);
            JsonElement texts = row.Get("caption", JsonValueKind.Array, source);
            string[] captions = [.. texts.EnumerateArray().Select((text, i) => text.ToText($"text {i + 1} of 'caption'", source))];
            yield return new CaptionedImage(root.Resolve(folder + image, source), captions, source);
        }
    }
}
