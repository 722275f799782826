using System.Diagnostics;
using System.Security.Cryptography;
using static System.FormattableString;

namespace HiMo.MLNet.Samples.Web;

/// <summary>Images that were embedded when the server started.</summary>
internal sealed class Gallery
{
    private static readonly TimeSpan s_progress = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, GalleryImage> _byId;

    private Gallery(Dictionary<string, GalleryImage> byId) => _byId = byId;

    public static Gallery Empty { get; } = new([]);

    public IReadOnlyCollection<GalleryImage> Images => _byId.Values;

    public GalleryImage? Find(string? id) => id is null ? null : _byId.GetValueOrDefault(id);

    /// <summary>Embeds images. What cannot be read is told and left out; so is what is there twice.</summary>
    /// <param name="model">The model.</param>
    /// <param name="files">The images.</param>
    /// <param name="log">Receives how far it is, and which images cannot be read.</param>
    /// <exception cref="IOException">None of the images can be read.</exception>
    public static Gallery Embed(ClipEmbedder model, IReadOnlyList<ImageFile> files, Action<string> log)
    {
        var byId = new Dictionary<string, GalleryImage>(files.Count);
        var clock = Stopwatch.StartNew();
        TimeSpan told = default;
        int unreadable = 0;
        foreach ((int done, (ImageFile file, ClipEmbeddedImage image)) in
            files.Zip(model.EmbedEach(files.Select(file => file.Image))).Index())
        {
            if (clock.Elapsed - told > s_progress)
            {
                told = clock.Elapsed;
                log(Invariant($"embedded {done:N0} of {files.Count:N0} images"));
            }

            if (image.Embedding is not { } embedding || file.TryId() is not { } id)
            {
                unreadable++;
                log("left out: " + (image.Error?.Message ?? $"Image '{file.Image.Name}' is gone."));
                continue;
            }

            byId.TryAdd(id, new(id, file, embedding));
        }

        int twice = files.Count - unreadable - byId.Count;
        log(Invariant($"embedded {byId.Count:N0} images in {clock.Elapsed.TotalSeconds:f1} s")
            + (twice > 0 ? Invariant($"; {twice:N0} were there twice") : "")
            + (unreadable > 0 ? Invariant($"; {unreadable:N0} could not be read") : ""));
        return byId.Count > 0 ? new(byId) : throw new IOException("Expected images to search, found none that can be read.");
    }
}

/// <summary>An image to search for.</summary>
/// <param name="Id">Of its bytes, so that an address stands for one image for ever.</param>
/// <param name="File">Where it comes from.</param>
/// <param name="Embedding">d numbers, of length 1.</param>
internal sealed record GalleryImage(string Id, ImageFile File, float[] Embedding);

/// <summary>An image by its bytes.</summary>
/// <param name="Name">What users read: no path.</param>
/// <param name="ContentType"><c>image/png</c> and the like.</param>
/// <param name="Image">For the model.</param>
/// <param name="Open">Its bytes.</param>
internal sealed record ImageFile(string Name, string ContentType, ClipImage Image, Func<Stream> Open)
{
    /// <summary>Null if the file is gone, or may not be read.</summary>
    public Stream? TryOpen()
    {
        try
        {
            return Open();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Sixteen hexadecimal digits of the bytes' SHA-256; null if the file is gone.</summary>
    public string? TryId()
    {
        using Stream? stream = TryOpen();
        return stream is null ? null : Convert.ToHexStringLower(SHA256.HashData(stream).AsSpan(0, 8));
    }
}
