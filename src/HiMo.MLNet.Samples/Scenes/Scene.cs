using System.Text;

namespace HiMo.MLNet.Samples.Scenes;

/// <summary>What a scene is for. No two splits share a composition, and no test scene a drawing with the others.</summary>
internal enum SceneSplit
{
    Train,
    Validation,
    Test,
}

/// <summary>One object of a scene, or two or three alike beside each other.</summary>
/// <param name="Noun">What it is.</param>
/// <param name="Colour">What it is tinted with.</param>
/// <param name="Count">1 to 3.</param>
/// <param name="Large">Of a single object, whether it fills its quarter of the image; several are as small as they must be.</param>
/// <param name="Place">Its quarter of the image, which it shares with no other object.</param>
internal sealed record SceneObject(Noun Noun, Colour Colour, int Count, bool Large, Place Place)
{
    public bool IsLeft => Place is Place.TopLeft or Place.BottomLeft;

    public bool IsTop => Place is Place.TopLeft or Place.TopRight;
}

/// <summary>The structure of a scene: all that captions tell, and what the image is drawn from.</summary>
/// <param name="Seed">Decides wording, and where in its quarter an object lies.</param>
/// <param name="Split">What it is for.</param>
/// <param name="Background">Where it is.</param>
/// <param name="Frame">The colour of the frame around it.</param>
/// <param name="Objects">Two to four, all of different nouns.</param>
internal sealed record Scene(ulong Seed, SceneSplit Split, Background Background, Colour Frame, IReadOnlyList<SceneObject> Objects)
{
    /// <summary>What makes two scenes the same composition: background and nouns. The hash of it decides its split.</summary>
    public string Composition =>
        $"{Background.Phrase}: {string.Join(", ", Objects.Select(o => o.Noun.Name).Order(StringComparer.Ordinal))}";

    /// <summary>Scene after scene of a split, without end; the same for the same seed.</summary>
    /// <param name="seed">Which scenes.</param>
    /// <param name="split">Of which split.</param>
    /// <param name="distinct">Whether every composition comes once, as it should where scenes are searched among each other.</param>
    public static IEnumerable<Scene> Sequence(int seed, SceneSplit split, bool distinct)
    {
        HashSet<string> seen = [];
        for (ulong number = 0; ; number++)
        {
            Scene scene = Compose(seed, split, number);
            if (!distinct || seen.Add(scene.Composition))
            {
                yield return scene;
            }
        }
    }

    /// <summary>A scene that has nothing but one large object in its natural place: what zero-shot classification is measured on.</summary>
    public static Scene Lone(int seed, SceneSplit split, Noun noun, Background background)
    {
        var random = new SceneRandom((ulong)seed, (ulong)split, Hash(noun.Name + background.Phrase));
        SceneObject lone = new(noun, random.Pick(SceneVocabulary.Colours), 1, true, random.Pick(Enum.GetValues<Place>()));
        return new((ulong)random.Next(int.MaxValue), split, background, random.Pick(SceneVocabulary.Frames), [lone]);
    }

    private static Scene Compose(int seed, SceneSplit split, ulong number)
    {
        var random = new SceneRandom((ulong)seed, (ulong)split, number);
        while (true)
        {
            Scene scene = Draw(random, split);
            // Of ten compositions one is for validation and one for the test.
            SceneSplit own = (Hash(scene.Composition) % 10) switch
            {
                0 => SceneSplit.Test,
                1 => SceneSplit.Validation,
                _ => SceneSplit.Train,
            };
            if (own == split)
            {
                return scene;
            }
        }
    }

    private static Scene Draw(SceneRandom random, SceneSplit split)
    {
        Place[] places = random.Shuffled(Enum.GetValues<Place>());
        Noun[] nouns = random.Shuffled(SceneVocabulary.Nouns);
        int count = 2 + random.Next(3);
        SceneObject[] objects = [.. Enumerable.Range(0, count).Select(i => new SceneObject(
            nouns[i], random.Pick(SceneVocabulary.Colours), random.NextBool() ? 1 : 2 + random.Next(2), random.NextBool(), places[i]))];
        return new((ulong)random.Next(int.MaxValue), split, random.Pick(SceneVocabulary.Backgrounds),
            random.Pick(SceneVocabulary.Frames), objects);
    }

    // FNV-1a, which is the same everywhere.
    private static ulong Hash(string text) =>
        Encoding.UTF8.GetBytes(text).Aggregate(0xCBF29CE484222325, (hash, b) => (hash ^ b) * 0x100000001B3);
}
