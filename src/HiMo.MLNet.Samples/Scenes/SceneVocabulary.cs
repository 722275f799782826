using SkiaSharp;

namespace HiMo.MLNet.Samples.Scenes;

/// <summary>A thing that scenes are made of.</summary>
/// <param name="Name">What captions call it.</param>
/// <param name="Plural">Several of it.</param>
/// <param name="Kind">What it is one of, with its article.</param>
/// <param name="Drawing">The name of its drawings in the sample data.</param>
internal sealed record Noun(string Name, string Plural, string Kind, string Drawing)
{
    /// <summary>"a fox", "an owl".</summary>
    public string WithArticle => ("aeiou".Contains(Name[0]) ? "an " : "a ") + Name;
}

/// <summary>A colour of objects or frames.</summary>
internal sealed record Colour(string Name, SKColor Value);

/// <summary>Where a scene is: what captions say, and the colours above and below its horizon.</summary>
internal sealed record Background(string Phrase, SKColor Above, SKColor Below);

/// <summary>The quarter of the image that an object has.</summary>
internal enum Place
{
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
}

/// <summary>All words that a scene can be told with, and what they look like.</summary>
internal static class SceneVocabulary
{
    /// <summary>Each has a Noto drawing, which trains, and a Twemoji drawing, which is held out for the test scenes.</summary>
    public static readonly Noun[] Nouns =
    [
        new("fox", "foxes", "an animal", "fox"),
        new("turtle", "turtles", "an animal", "turtle"),
        new("penguin", "penguins", "an animal", "penguin"),
        new("butterfly", "butterflies", "an animal", "butterfly"),
        new("crab", "crabs", "an animal", "crab"),
        new("owl", "owls", "an animal", "owl"),
        new("banana", "bananas", "a fruit", "banana"),
        new("apple", "apples", "a fruit", "red apple"),
        new("strawberry", "strawberries", "a fruit", "strawberry"),
        new("cherry", "cherries", "a fruit", "cherries"),
        new("rocket", "rockets", "a vehicle", "rocket"),
        new("helicopter", "helicopters", "a vehicle", "helicopter"),
        new("bicycle", "bicycles", "a vehicle", "bicycle"),
        new("sailboat", "sailboats", "a vehicle", "sailboat"),
        new("ambulance", "ambulances", "a vehicle", "ambulance"),
        new("tree", "trees", "a plant", "deciduous tree"),
        new("tulip", "tulips", "a plant", "tulip"),
        new("mushroom", "mushrooms", "a plant", "mushroom"),
        new("hat", "hats", "a piece of clothing", "top hat"),
        new("shirt", "shirts", "a piece of clothing", "t-shirt"),
        new("dress", "dresses", "a piece of clothing", "dress"),
        new("magnet", "magnets", "a tool", "magnet"),
        new("axe", "axes", "a tool", "axe"),
        new("broom", "brooms", "a tool", "broom"),
    ];

    /// <summary>Objects have one of these.</summary>
    public static readonly Colour[] Colours =
    [
        new("red", new(0xE5, 0x1C, 0x23)),
        new("orange", new(0xFF, 0x8F, 0x00)),
        new("yellow", new(0xF9, 0xE0, 0x2B)),
        new("green", new(0x1E, 0xA8, 0x3C)),
        new("blue", new(0x1F, 0x58, 0xE6)),
        new("purple", new(0x8E, 0x24, 0xC8)),
        new("pink", new(0xFF, 0x80, 0xC4)),
        new("grey", new(0x8C, 0x8C, 0x8C)),
    ];

    /// <summary>The frame around a scene has one of these.</summary>
    public static readonly Colour[] Frames =
    [
        new("white", SKColors.White), new("black", SKColors.Black), new("golden", new(0xD9, 0xA4, 0x1A)),
    ];

    public static readonly Background[] Backgrounds =
    [
        new("on a beach", new(0xBF, 0xE6, 0xF7), new(0xF0, 0xDC, 0xA4)),
        new("in a meadow", new(0xBF, 0xE6, 0xF7), new(0x9E, 0xD3, 0x6A)),
        new("in the snow", new(0xC9, 0xD3, 0xDE), new(0xF7, 0xFA, 0xFD)),
        new("at sea", new(0xD6, 0xEE, 0xFA), new(0x5A, 0x9F, 0xD4)),
        new("at night", new(0x14, 0x1B, 0x3D), new(0x2B, 0x35, 0x4F)),
        new("at sunset", new(0xF7, 0xB2, 0x7A), new(0x8A, 0x6A, 0x8C)),
        new("in a room", new(0xE9, 0xDF, 0xEE), new(0xA8, 0x7B, 0x56)),
        new("on a road", new(0xDD, 0xE3, 0xE6), new(0x7B, 0x80, 0x86)),
    ];

    /// <summary>One object, or several of a kind.</summary>
    public static readonly string[] Counts = ["zero", "one", "two", "three"];

    /// <summary>"top left".</summary>
    public static string Name(Place place) => place switch
    {
        Place.TopLeft => "top left",
        Place.TopRight => "top right",
        Place.BottomLeft => "bottom left",
        _ => "bottom right",
    };
}
