using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>
/// COLA, multi-object setting: a JSON array of <c>[image A, caption A, image B, caption B]</c>. Each row gives two images,
/// A then B. The published file names images by web address: of an address the last part is the file, in
/// <c>cola-multi-obj-images</c>, <c>images</c> or beside.
/// </summary>
internal static class ColaMulti
{
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        string folder = root.FirstFolder("cola-multi-obj-images", "images");
        foreach ((JsonElement row, SourceLocation source) in JsonArrayReader.Read(file))
        {
            if (row.ValueKind != JsonValueKind.Array || row.GetArrayLength() != 4)
            {
                throw source.Error(
                    $"expected [image A, caption A, image B, caption B], "
                    + $"found {row.ValueKind}{(row.ValueKind == JsonValueKind.Array ? $" of {row.GetArrayLength()}" : "")}.");
            }

            for (int i = 0; i < 4; i += 2)
            {
                string image = FileName(row[i].ToText($"entry {i + 1}", source));
                yield return new CaptionedImage(root.Resolve(folder + image, source), [row[i + 1].ToText($"entry {i + 2}", source)],
                    source);
            }
        }
    }

    private static string FileName(string image) =>
        image.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || image.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
            ? image[(image.LastIndexOf('/') + 1)..]
            : image;
}
