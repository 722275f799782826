using System.Text.RegularExpressions;
using HiMo.MLNet.Samples.Scenes;

namespace HiMo.MLNet.Tests.Scenes;

/// <summary>Reads a sentence about a scene as a reader would, by its words alone, and looks whether it is so.</summary>
internal static partial class SceneReader
{
    public static bool IsTrue(string sentence, Scene scene)
    {
        if (Kinds.Match(sentence) is { Success: true } kinds)
        {
            return Words(kinds.Groups["list"].Value).Order().SequenceEqual(scene.Objects.Select(o => o.Noun.Kind).Order());
        }

        if (Frame.Match(sentence) is { Success: true } frame)
        {
            return frame.Groups["colour"].Value == scene.Frame.Name;
        }

        if (Colour.Match(sentence) is { Success: true } colour)
        {
            return string.Equals(colour.Groups["colour"].Value, Object(colour, "noun", scene).Colour.Name, StringComparison.OrdinalIgnoreCase);
        }

        if (Size.Match(sentence) is { Success: true } size)
        {
            return Object(size, "noun", scene) is { Count: 1 } one && one.Large == (size.Groups["size"].Value == "large");
        }

        if (Count.Match(sentence) is { Success: true } count)
        {
            return Object(count, "noun", scene).Count == (count.Groups["count"].Value == "two" ? 2 : 3);
        }

        if (Place.Match(sentence) is { Success: true } place)
        {
            return Object(place, "noun", scene).Place.ToString().Equals(place.Groups["place"].Value.Replace(" ", ""), StringComparison.OrdinalIgnoreCase);
        }

        if (Relation.Match(sentence) is { Success: true } relation)
        {
            string one = Object(relation, "noun", scene).Place.ToString(), other = Object(relation, "other", scene).Place.ToString();
            return (relation.Groups["relation"].Value.ToLowerInvariant(), one, other) is
                ("to the left of", "TopLeft", "TopRight") or ("to the left of", "BottomLeft", "BottomRight")
                or ("to the right of", "TopRight", "TopLeft") or ("to the right of", "BottomRight", "BottomLeft")
                or ("above", "TopLeft", "BottomLeft") or ("above", "TopRight", "BottomRight")
                or ("below", "BottomLeft", "TopLeft") or ("below", "BottomRight", "TopRight");
        }

        Match gist = Gist.Match(sentence);
        Assert.True(gist.Success, $"No reader knows what this says: {sentence}");
        return string.Equals(gist.Groups["background"].Value, scene.Background.Phrase, StringComparison.OrdinalIgnoreCase)
            && Words(gist.Groups["list"].Value.ToLowerInvariant()).Order()
                .SequenceEqual(scene.Objects.Select(o => o.Count > 1 ? o.Noun.Plural : Article(o.Noun.Name)).Order());
    }

    private static string[] Words(string list) => list.Split([", ", " and "], StringSplitOptions.None);

    private static string Article(string noun) => (noun[0] is 'a' or 'e' or 'i' or 'o' or 'u' ? "an " : "a ") + noun;

    // Singular and plural agree with how many there are.
    private static SceneObject Object(Match match, string group, Scene scene) =>
        Assert.Single(scene.Objects, o => (o.Count > 1 ? o.Noun.Plural : o.Noun.Name) == match.Groups[group].Value);

    [GeneratedRegex(@"^(The image shows|That is) (?<list>.+)\.$")]
    private static partial Regex Kinds { get; }

    [GeneratedRegex(@"^(The frame is (?<colour>\w+)|A (?<colour>\w+) frame runs around the image)\.$")]
    private static partial Regex Frame { get; }

    [GeneratedRegex(@"^((?<colour>\w+) is the colour of the (?<noun>\w+)"
        + @"|The (?<noun>\w+) (is|are) (?<colour>red|orange|yellow|green|blue|purple|pink|grey))\.$")]
    private static partial Regex Colour { get; }

    [GeneratedRegex(@"^(The (?<noun>\w+) is (?<size>large|small)|There is just one (?<noun>\w+), a (?<size>large|small) one)\.$")]
    private static partial Regex Size { get; }

    [GeneratedRegex(@"^(There are|One can count) (?<count>two|three) (?<noun>\w+)\.$")]
    private static partial Regex Count { get; }

    [GeneratedRegex(@"^(The (?<noun>\w+) (is|are) at the (?<place>\w+ \w+)|At the (?<place>\w+ \w+) (is|are) the (?<noun>\w+))\.$")]
    private static partial Regex Place { get; }

    [GeneratedRegex(@"^(The (?<noun>\w+) (is|are) (?<relation>to the left of|to the right of|above|below) the (?<other>\w+)"
        + @"|(?<relation>To the left of|To the right of|Above|Below) the (?<other>\w+) (is|are) the (?<noun>\w+))\.$")]
    private static partial Regex Relation { get; }

    [GeneratedRegex("^((?<list>.+) (?<background>(on a|in a|in the|at) \\w+)|(?<background>(On a|In a|In the|At) \\w+) there (is|are) (?<list>.+))\\.$")]
    private static partial Regex Gist { get; }
}
