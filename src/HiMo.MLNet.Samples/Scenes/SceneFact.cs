namespace HiMo.MLNet.Samples.Scenes;

/// <summary>One thing beside or above another.</summary>
internal enum Relation
{
    LeftOf,
    RightOf,
    Above,
    Below,
}

/// <summary>What a sentence says.</summary>
internal abstract record SceneFact
{
    /// <summary>Whether it is so.</summary>
    public abstract bool IsTrueOf(Scene scene);

    /// <summary>The same with another value, one that is not so.</summary>
    public abstract SceneFact Falsified(Scene scene, SceneRandom random);

    private protected static SceneObject Object(Scene scene, Noun noun) => scene.Objects.Single(o => o.Noun == noun);
}

/// <summary>What there is, and where.</summary>
/// <param name="Objects">Their nouns, with whether there are several.</param>
/// <param name="Background">Where.</param>
internal sealed record GistFact(IReadOnlyList<(Noun Noun, bool Several)> Objects, Background Background) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Background == scene.Background
        && Objects.ToHashSet().SetEquals(scene.Objects.Select(o => (o.Noun, o.Count > 1)));

    public override SceneFact Falsified(Scene scene, SceneRandom random)
    {
        if (random.NextBool())
        {
            return this with { Background = random.PickOther(SceneVocabulary.Backgrounds, Background) };
        }

        int changed = random.Next(Objects.Count);
        Noun other = random.PickOther(SceneVocabulary.Nouns, [.. Objects.Select(o => o.Noun)]);
        return this with { Objects = [.. Objects.Select((o, i) => i == changed ? (other, o.Several) : o)] };
    }
}

/// <summary>What the objects are, each of its kind: two animals are "an animal" twice.</summary>
internal sealed record KindsFact(IReadOnlyList<string> Kinds) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Kinds.Order().SequenceEqual(scene.Objects.Select(o => o.Noun.Kind).Order());

    public override SceneFact Falsified(Scene scene, SceneRandom random)
    {
        int changed = random.Next(Kinds.Count);
        string other = random.PickOther(SceneVocabulary.Nouns.Select(n => n.Kind).Distinct(), [.. Kinds]);
        return new KindsFact([.. Kinds.Select((kind, i) => i == changed ? other : kind)]);
    }
}

/// <summary>The colour of an object.</summary>
internal sealed record ColourFact(Noun Noun, bool Several, Colour Colour) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Object(scene, Noun).Colour == Colour;

    public override SceneFact Falsified(Scene scene, SceneRandom random) =>
        this with { Colour = random.PickOther(SceneVocabulary.Colours, Colour) };
}

/// <summary>How large a single object is.</summary>
internal sealed record SizeFact(Noun Noun, bool Large) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Object(scene, Noun) is { Count: 1 } found && found.Large == Large;

    public override SceneFact Falsified(Scene scene, SceneRandom random) => this with { Large = !Large };
}

/// <summary>How many there are of an object, two or three.</summary>
internal sealed record CountFact(Noun Noun, int Count) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Object(scene, Noun).Count == Count;

    public override SceneFact Falsified(Scene scene, SceneRandom random) => this with { Count = 5 - Count };
}

/// <summary>Where an object is.</summary>
internal sealed record PlaceFact(Noun Noun, bool Several, Place Place) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Object(scene, Noun).Place == Place;

    public override SceneFact Falsified(Scene scene, SceneRandom random) =>
        this with { Place = random.PickOther(Enum.GetValues<Place>(), Place) };
}

/// <summary>Where an object is beside another one.</summary>
internal sealed record RelationFact(Noun Noun, bool Several, Relation Relation, Noun Other, bool OthersSeveral) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => Between(Object(scene, Noun), Object(scene, Other)) == Relation;

    public override SceneFact Falsified(Scene scene, SceneRandom random) => this with
    {
        Relation = Relation switch
        {
            Relation.LeftOf => Relation.RightOf,
            Relation.RightOf => Relation.LeftOf,
            Relation.Above => Relation.Below,
            _ => Relation.Above,
        },
    };

    /// <summary>Null for objects in opposite corners.</summary>
    public static Relation? Between(SceneObject one, SceneObject other) =>
        one.IsTop == other.IsTop && one.IsLeft != other.IsLeft ? one.IsLeft ? Relation.LeftOf : Relation.RightOf
        : one.IsLeft == other.IsLeft && one.IsTop != other.IsTop ? one.IsTop ? Relation.Above : Relation.Below
        : null;
}

/// <summary>The colour of the frame.</summary>
internal sealed record FrameFact(Colour Colour) : SceneFact
{
    public override bool IsTrueOf(Scene scene) => scene.Frame == Colour;

    public override SceneFact Falsified(Scene scene, SceneRandom random) =>
        new FrameFact(random.PickOther(SceneVocabulary.Frames, Colour));
}
