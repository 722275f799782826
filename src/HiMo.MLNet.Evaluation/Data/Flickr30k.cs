namespace HiMo.MLNet.Data;

/// <summary>Flickr30k: lines <c>name.jpg#k⇥caption</c>, those of an image in a row; images in <c>flickr30k-images</c>, <c>images</c> or
/// beside.</summary>
internal static class Flickr30k
{
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        string folder = root.FirstFolder("flickr30k-images", "images");
        HashSet<string> seen = [];
        string? current = null;
        List<string> captions = [];
        SourceLocation first = default;
        ClipLimits limits = ClipLimits.Current;
        foreach ((string line, SourceLocation source) in TextRows.ReadLines(file))
        {
            if (line.Length == 0)
            {
                continue;
            }

            if (!TryParse(line, out string image, out string caption))
            {
                throw source.Error("expected 'name.jpg#k', a tab and a caption.");
            }

            if (image != current)
            {
                if (current is not null)
                {
                    yield return Image(current);
                }

                if (!seen.Add(image))
                {
                    throw source.Error(
                        $"expected the captions of {image.Quoted()} in a row, found one apart from the others.");
                }

                if (seen.Count > limits.ImagesHeld)
                {
                    throw source.Error($"{ClipLimits.AtMost(limits.ImagesHeld, "images")}, found more.");
                }

                (current, captions, first) = (image, [], source);
            }

            if (captions.Count == limits.CaptionsPerImage)
            {
                throw source.Error($"{ClipLimits.AtMost(limits.CaptionsPerImage, "captions of an image")}, found more.");
            }

            captions.Add(caption);
        }

        if (current is not null)
        {
            yield return Image(current);
        }

        CaptionedImage Image(string name) => new(root.Resolve(folder + name, first), captions, first);
    }

    public static bool TryParse(string line, out string image, out string caption)
    {
        int tab = line.IndexOf('\t');
        int mark = tab < 0 ? -1 : line.LastIndexOf('#', tab);
        bool parsed = mark > 0 && int.TryParse(line.AsSpan((mark + 1)..tab), out _);
        (image, caption) = parsed ? (line[..mark], line[(tab + 1)..]) : ("", "");
        return parsed;
    }
}
