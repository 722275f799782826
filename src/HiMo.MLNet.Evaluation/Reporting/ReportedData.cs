using HiMo.MLNet.Evaluation;

namespace HiMo.MLNet.Reporting;

/// <summary>One set of data with the models that were measured on it.</summary>
/// <param name="Id">What the ids of its parts of the page begin with.</param>
/// <param name="Models">In the order given; the place decides the colour.</param>
internal sealed record ReportedData(string Id, IReadOnlyList<HiMoClipMetrics> Models)
{
    public string Name => Models[0].DataName;

    /// <summary>The models whose embeddings are at hand, with their places.</summary>
    public IReadOnlyList<(int Place, HiMoClipMetrics Metrics, EvaluationDetails Details)> Detailed { get; } =
        [.. Models.Index().Where(m => m.Item.Details is not null).Select(m => (m.Index, m.Item, m.Item.Details!))];

    /// <summary>What a model is called, marked with its colour.</summary>
    public Markup Label(int place)
    {
        var html = new Html();
        return html.Add($"<span class=\"model m{place % 4}\">{Models[place].ModelName}</span>").ToMarkup();
    }

    /// <summary>The first words of a text, and how long it is if it is very long.</summary>
    public static string Shorten(string text, int length)
    {
        if (text.Length <= length)
        {
            return text;
        }

        int end = text.LastIndexOf(' ', length);
        return text[..(end > length / 2 ? end : length)].TrimEnd() + (text.Length > 10 * length ? $" … ({text.Length} characters)" : " …");
    }

    /// <summary>How far a text is the same as another, in whole words.</summary>
    public static int SharedWords(string longer, string shorter)
    {
        int shared = longer.AsSpan().CommonPrefixLength(shorter);
        if (shared < shorter.Length)
        {
            while (shared > 0 && !char.IsWhiteSpace(longer[shared - 1]))
            {
                shared--;
            }
        }

        return shared;
    }
}
