using System.Globalization;

namespace HiMo.MLNet.Data;

/// <summary>What may stand behind the path of a set of shards, after a question mark: <c>?shard=0/8&amp;shuffle=7</c>.</summary>
/// <param name="Image">The column of images of a table; null for the usual ones.</param>
/// <param name="Caption">The column of captions of a table, or the field in the JSON of a tar's sample; null for the usual ones.</param>
/// <param name="Part">Which share of the files is read.</param>
/// <param name="Parts">Of how many.</param>
/// <param name="Seed">Of the order; null for the files' own.</param>
/// <param name="Buffer">Images among which the next one is drawn.</param>
internal sealed record ShardOptions(string? Image, string? Caption, int Part, int Parts, int? Seed, int Buffer)
{
    private const int UsualBuffer = 1_000;

    private static readonly string[] s_names = ["image", "caption", "shard", "shuffle", "buffer"];

    /// <summary>Takes a location apart into the path and the options.</summary>
    /// <exception cref="ArgumentException">An option is unknown, or its value makes no sense.</exception>
    public static (string Path, ShardOptions Options) Split(string location)
    {
        int mark = File.Exists(location) ? -1 : location.LastIndexOf('?');
        // A question mark without a name and a value behind it is part of a pattern.
        if (mark < 0 || !location.AsSpan(mark).Contains('='))
        {
            return (location, Of([]));
        }

        Dictionary<string, string> values = [];
        foreach (string option in location[(mark + 1)..].Split('&'))
        {
            string[] parts = option.Split('=', 2);
            if (parts.Length < 2 || !s_names.Contains(parts[0]) || !values.TryAdd(parts[0], parts[1]))
            {
                throw new ArgumentException(
                    $"'{location}': expected options out of {string.Join(", ", s_names)} behind '?', each once, as in "
                    + $"'?shard=0/8&shuffle=7', found '{option}'.", nameof(location));
            }
        }

        return (location[..mark], Of(values));
    }

    private static ShardOptions Of(Dictionary<string, string> values)
    {
        string[] share = values.GetValueOrDefault("shard", "0/1").Split('/');
        (int part, int parts) = share.Length == 2 ? (Number(share[0]), Number(share[1])) : (-1, 0);
        if (part < 0 || part >= parts)
        {
            throw Wrong("shard", "INDEX/COUNT with an index from 0 to COUNT - 1");
        }

        int? seed = values.TryGetValue("shuffle", out string? text) ? Number(text) : null;
        int buffer = values.TryGetValue("buffer", out text) ? Number(text) : UsualBuffer;
        return seed < 0 ? throw Wrong("shuffle", "a number from 0, the seed of the order")
            : buffer < 1 ? throw Wrong("buffer", "a number of images from 1")
            : new(values.GetValueOrDefault("image"), values.GetValueOrDefault("caption"), part, parts, seed, buffer);

        ArgumentException Wrong(string name, string expected) =>
            new($"Option '{name}' of a data set: expected {expected}, found '{values[name]}'.", name);
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
}
