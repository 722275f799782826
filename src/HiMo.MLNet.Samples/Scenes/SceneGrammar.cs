namespace HiMo.MLNet.Samples.Scenes;

/// <summary>How facts are put into words: two ways for each.</summary>
internal static class SceneGrammar
{
    public const int Wordings = 2;

    public static string Write(SceneFact fact, int wording) => Capital((fact, wording) switch
    {
        (GistFact f, 0) => $"{Listed(f)} {f.Background.Phrase}.",
        (GistFact f, _) => $"{f.Background.Phrase} there {Are(f.Objects[0].Several)} {Listed(f)}.",
        (KindsFact f, 0) => $"the image shows {Joined(f.Kinds)}.",
        (KindsFact f, _) => $"that is {Joined(f.Kinds)}.",
        (ColourFact f, 0) => $"the {Name(f.Noun, f.Several)} {Are(f.Several)} {f.Colour.Name}.",
        (ColourFact f, _) => $"{f.Colour.Name} is the colour of the {Name(f.Noun, f.Several)}.",
        (SizeFact f, 0) => $"the {f.Noun.Name} is {Size(f.Large)}.",
        (SizeFact f, _) => $"there is just one {f.Noun.Name}, a {Size(f.Large)} one.",
        (CountFact f, 0) => $"there are {SceneVocabulary.Counts[f.Count]} {f.Noun.Plural}.",
        (CountFact f, _) => $"one can count {SceneVocabulary.Counts[f.Count]} {f.Noun.Plural}.",
        (PlaceFact f, 0) => $"the {Name(f.Noun, f.Several)} {Are(f.Several)} at the {SceneVocabulary.Name(f.Place)}.",
        (PlaceFact f, _) => $"at the {SceneVocabulary.Name(f.Place)} {Are(f.Several)} the {Name(f.Noun, f.Several)}.",
        (RelationFact f, 0) =>
            $"the {Name(f.Noun, f.Several)} {Are(f.Several)} {Words(f.Relation)} the {Name(f.Other, f.OthersSeveral)}.",
        (RelationFact f, _) =>
            $"{Words(f.Relation)} the {Name(f.Other, f.OthersSeveral)} {Are(f.Several)} the {Name(f.Noun, f.Several)}.",
        (FrameFact f, 0) => $"a {f.Colour.Name} frame runs around the image.",
        (FrameFact f, _) => $"the frame is {f.Colour.Name}.",
        _ => throw new ArgumentOutOfRangeException(nameof(fact), fact, "There are no words for this."),
    });

    private static string Capital(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..];

    private static string Listed(GistFact fact) =>
        Joined([.. fact.Objects.Select(o => o.Several ? o.Noun.Plural : o.Noun.WithArticle)]);

    private static string Joined(IReadOnlyList<string> words) =>
        words.Count == 1 ? words[0] : $"{string.Join(", ", words.Take(words.Count - 1))} and {words[^1]}";

    private static string Name(Noun noun, bool several) => several ? noun.Plural : noun.Name;

    private static string Are(bool several) => several ? "are" : "is";

    private static string Size(bool large) => large ? "large" : "small";

    private static string Words(Relation relation) => relation switch
    {
        Relation.LeftOf => "to the left of",
        Relation.RightOf => "to the right of",
        Relation.Above => "above",
        _ => "below",
    };
}
