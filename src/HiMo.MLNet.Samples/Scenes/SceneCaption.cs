namespace HiMo.MLNet.Samples.Scenes;

/// <summary>A sentence with what it says.</summary>
/// <param name="Fact">What it says.</param>
/// <param name="Wording">Which of the grammar's ways to say so.</param>
internal sealed record SceneSentence(SceneFact Fact, int Wording)
{
    public string Text { get; } = SceneGrammar.Write(Fact, Wording);
}

/// <summary>
/// The caption of a scene, 8 to 15 sentences from the gist to the details: the gist, what kinds of things there are, object by object
/// or property by property, how objects lie to each other, the frame.
/// </summary>
/// <param name="Sentences">In their order, the gist first.</param>
internal sealed record SceneCaption(IReadOnlyList<SceneSentence> Sentences)
{
    private const int MostSentences = 15;

    /// <summary>The gist alone.</summary>
    public string Short => Sentences[0].Text;

    /// <summary>The whole caption.</summary>
    public string Text => string.Join(' ', Sentences.Select(s => s.Text));

    /// <summary>The captions that grow: the first sentence, the first two and so on.</summary>
    public IEnumerable<string> Growing => Sentences.Select((_, i) => string.Join(' ', Sentences.Take(i + 1).Select(s => s.Text)));

    /// <summary>The caption of a scene, always the same one.</summary>
    public static SceneCaption Of(Scene scene)
    {
        var random = new SceneRandom(scene.Seed, 1);
        SceneObject[] objects = random.Shuffled(scene.Objects);
        int[] order = random.Shuffled([0, 1, 2]);
        // Object by object, each in an order of its own; or property by property.
        IEnumerable<SceneFact> told = random.NextBool() ? objects.SelectMany(o => random.Shuffled(Details(o)))
            : order.SelectMany(property => objects.Select(o => Details(o)[property]));
        List<SceneFact> facts =
        [
            new GistFact([.. objects.Select(o => (o.Noun, o.Count > 1))], scene.Background),
            new KindsFact([.. objects.Select(o => o.Noun.Kind)]),
            .. told,
        ];
        facts.Insert(random.NextBool() ? 2 : facts.Count, new FrameFact(scene.Frame));
        facts.AddRange(random.Shuffled(Relations(objects, random)).Take(Math.Min(2, MostSentences - facts.Count)));
        return new([.. facts.Select(fact => new SceneSentence(fact, random.Next(SceneGrammar.Wordings)))]);
    }

    /// <summary>The same caption with exactly one detail false, always the same one.</summary>
    public SceneCaption Falsified(Scene scene)
    {
        var random = new SceneRandom(scene.Seed, 2);
        int changed = random.Next(Sentences.Count);
        return new([.. Sentences.Select((s, i) => i == changed ? s with { Fact = s.Fact.Falsified(scene, random) } : s)
            .Select(s => new SceneSentence(s.Fact, s.Wording))]);
    }

    private static SceneFact[] Details(SceneObject o) =>
    [
        new ColourFact(o.Noun, o.Count > 1, o.Colour),
        o.Count > 1 ? new CountFact(o.Noun, o.Count) : new SizeFact(o.Noun, o.Large),
        new PlaceFact(o.Noun, o.Count > 1, o.Place),
    ];

    // Of two things either may be told of beside the other one.
    private static IEnumerable<SceneFact> Relations(SceneObject[] objects, SceneRandom random)
    {
        for (int i = 0; i < objects.Length; i++)
        {
            for (int j = i + 1; j < objects.Length; j++)
            {
                (SceneObject one, SceneObject other) = random.NextBool() ? (objects[i], objects[j]) : (objects[j], objects[i]);
                if (RelationFact.Between(one, other) is { } relation)
                {
                    yield return new RelationFact(one.Noun, one.Count > 1, relation, other.Noun, other.Count > 1);
                }
            }
        }
    }
}
