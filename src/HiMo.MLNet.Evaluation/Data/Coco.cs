using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>
/// COCO captions: <c>{images: [{id, file_name}], annotations: [{image_id, caption}]}</c>, the first five captions an image.
/// Images are in the folder that the file is named after (<c>captions_val2017.json</c>: <c>val2017</c>), in <c>images</c> or beside.
/// </summary>
internal static class Coco
{
    private const int CaptionsPerImage = 5;

    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        string name = Path.GetFileNameWithoutExtension(file);
        string folder = root.FirstFolder(name[(name.LastIndexOf('_') + 1)..], "images");

        // Images and annotations may come in either order: captions are kept by the image's id.
        ClipLimits limits = ClipLimits.Current;
        Dictionary<long, (CaptionedImage Image, List<string> Captions)> images = [];
        foreach ((JsonElement row, SourceLocation source) in JsonArrayReader.Read(file, "images"))
        {
            long id = row.GetId("id", source);
            List<string> own = [];
            string path = root.Resolve(folder + row.GetText("file_name", source), source);
            if (!images.TryAdd(id, (new CaptionedImage(path, own, source), own)))
            {
                throw source.Error($"image {id} was there before.");
            }

            if (images.Count > limits.ImagesHeld)
            {
                throw source.Error($"{ClipLimits.AtMost(limits.ImagesHeld, "images")}, found more.");
            }
        }

        foreach ((JsonElement row, SourceLocation source) in JsonArrayReader.Read(file, "annotations"))
        {
            long id = row.GetId("image_id", source);
            if (!images.TryGetValue(id, out (CaptionedImage Image, List<string> Captions) image))
            {
                throw source.Error($"expected one of the {images.Count} images, found image_id {id}.");
            }

            if (image.Captions.Count < CaptionsPerImage)
            {
                image.Captions.Add(row.GetText("caption", source));
            }
        }

        foreach ((CaptionedImage image, _) in images.Values)
        {
            yield return image;
        }
    }
}
