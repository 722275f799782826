using System.IO.Compression;
using HiMo.MLNet.Cli;
using Microsoft.AspNetCore.StaticFiles;

namespace HiMo.MLNet.Samples.Web;

/// <summary>The images of a folder, or the sample drawings.</summary>
internal static class ImageFolder
{
    private static readonly FileExtensionContentTypeProvider s_types = new();

    /// <summary>Those below a folder.</summary>
    /// <exception cref="IOException">There is no such folder, or no image in it.</exception>
    public static IReadOnlyList<ImageFile> Read(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"--images: expected a folder, found no '{folder}'.");
        }

        ImageFile[] images =
        [
            .. from path in new FolderFiles(folder).Files()
               let type = TypeOf(path)
               where type is not null
               select new ImageFile(Path.GetFileName(path), type, ClipImage.FromFile(path), () => File.OpenRead(path)),
        ];
        return images.Length > 0 ? images : throw new FileNotFoundException($"--images: expected images in '{folder}', found none.");
    }

    /// <summary>The drawings that the demo keeps for its test: emoji whose name is known, in a style whose version of them was never
    /// seen.</summary>
    /// <returns>The drawings, and what is said of one of them.</returns>
    public static (IReadOnlyList<ImageFile> Images, string Example) Drawings()
    {
        using ZipArchive archive = ZipFile.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", "emoji.zip"));
        using var table = new StreamReader(archive.GetEntry("emoji.tsv")!.Open());
        string[][] test = [.. table.ReadToEnd().Split('\n').Select(line => line.Split('\t')).Where(row => row is [_, _, _, _, "test"])];
        return ([.. test.Select(row => Drawing(row[3], Bytes(row[0])))], test.First(row => row[3] == "eggplant")[2]);

        byte[] Bytes(string path)
        {
            using var bytes = new MemoryStream();
            using Stream entry = archive.GetEntry(path)!.Open();
            entry.CopyTo(bytes);
            return bytes.ToArray();
        }
    }

    private static ImageFile Drawing(string name, byte[] bytes) =>
        new(name, "image/png", ClipImage.FromBytes(bytes, name), () => new MemoryStream(bytes, writable: false));

    private static string? TypeOf(string path) =>
        s_types.TryGetContentType(path, out string? type)
            && type is "image/png" or "image/jpeg" or "image/webp" or "image/gif" or "image/bmp" ? type : null;
}
