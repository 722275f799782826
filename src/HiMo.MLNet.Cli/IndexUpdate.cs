using HiMo.MLNet.Scoring;

namespace HiMo.MLNet.Cli;

/// <summary>What becomes of an index when its images are looked at again.</summary>
internal sealed class IndexUpdate
{
    private readonly IReadOnlyList<string> _paths;
    private readonly HashSet<string> _older;
    private readonly Dictionary<string, FileStamp> _files = [];
    private readonly Dictionary<string, IndexedImage> _images = [];

    /// <param name="usable">Of the older index what the model of the new one embedded.</param>
    /// <param name="older">The names of all images in the older index.</param>
    /// <param name="paths">The images that the new one is to hold.</param>
    public IndexUpdate(IEnumerable<IndexedImage> usable, IReadOnlyList<string> older, IReadOnlyList<string> paths)
    {
        _paths = paths;
        _older = [.. older];
        var known = usable.ToDictionary(image => image.Name);
        var toEmbed = new List<string>();
        foreach (string path in paths)
        {
            var now = FileStamp.Of(path);
            if (now is not null && known.GetValueOrDefault(path) is { } image && image.File == now)
            {
                _images.Add(path, image);
                Kept++;
                continue;
            }

            // Asked before it is read: what is written meanwhile is embedded again the next time.
            _files[path] = now ?? new(-1, default);
            toEmbed.Add(path);
        }

        ToEmbed = toEmbed;
    }

    /// <summary>The images that are new or changed.</summary>
    public IReadOnlyCollection<string> ToEmbed { get; }

    public int Kept { get; }

    public int Added { get; private set; }

    public int Changed { get; private set; }

    /// <summary>Those of the older index that the new one does not hold.</summary>
    public int Removed => _older.Count(name => !_images.ContainsKey(name));

    public bool IsChange => Added + Changed + Removed > 0;

    /// <summary>What the new index holds, in the order of the paths.</summary>
    public IReadOnlyCollection<IndexedImage> Images => [.. _paths.Where(_images.ContainsKey).Select(path => _images[path])];

    /// <summary>Takes images as they are embedded; those that could not be read are left out.</summary>
    public void Add(IEnumerable<ScoredImage> embedded)
    {
        foreach (ScoredImage image in embedded.Where(image => image.Values is not null))
        {
            _images.Add(image.Image, new(image.Image, _files[image.Image], image.Values));
            if (_older.Contains(image.Image))
            {
                Changed++;
            }
            else
            {
                Added++;
            }
        }
    }
}
