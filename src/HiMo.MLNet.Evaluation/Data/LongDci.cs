namespace HiMo.MLNet.Data;

/// <summary>Long-DCI: tab-separated with columns <c>filepath</c> and <c>title</c>; images in <c>SA1B</c>, <c>images</c> or
/// beside.</summary>
internal static class LongDci
{
    public static IEnumerable<CaptionedImage> Read(DataRoot root, string file)
    {
        string folder = root.FirstFolder("SA1B", "images");
        int path = -1, title = -1, columns = 0;
        foreach ((IReadOnlyList<string> fields, SourceLocation source) in TabSeparatedReader.Read(file))
        {
            if (columns == 0)
            {
                List<string> header = [.. fields];
                (path, title, columns) = (header.IndexOf("filepath"), header.IndexOf("title"), header.Count);
                if (path < 0 || title < 0)
                {
                    throw source.Error(
                        $"expected columns 'filepath' and 'title', "
                        + $"found {string.Join(", ", fields.Take(10).Select(Quoting.Quoted))}.");
                }

                continue;
            }

            if (fields.Count != columns)
            {
                throw source.Error($"expected {columns} fields, as in the header, found {fields.Count}.");
            }

            yield return new CaptionedImage(root.Resolve(folder + fields[path], source), [fields[title]], source);
        }
    }
}
