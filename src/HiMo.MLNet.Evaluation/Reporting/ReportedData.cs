using HiMo.MLNet.Evaluation;

namespace HiMo.MLNet.Reporting;

/// <summary>One set of data with the models that were measured on it.</summary>
/// <param name="Id">What the ids of its parts of the page begin with.</param>
/// <param name="Metrics">Of the models, in the order given.</param>
internal sealed record ReportedData(string Id, IReadOnlyList<HiMoClipMetrics> Metrics)
{
    public string Name => Metrics[0].DataName;

    public IReadOnlyList<ReportedModel> Models { get; } = [.. Metrics.Select((metrics, place) => new ReportedModel(place, metrics))];

    /// <summary>The models whose embeddings are at hand.</summary>
    public IReadOnlyList<ReportedModel> Detailed => [.. Models.Where(model => model.Metrics.Details is not null)];

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

/// <summary>One of the models.</summary>
/// <param name="Place">Decides the colour.</param>
/// <param name="Metrics">What was measured.</param>
internal sealed record ReportedModel(int Place, HiMoClipMetrics Metrics)
{
    /// <summary>Of a model whose embeddings are at hand.</summary>
    public EvaluationDetails Details => Metrics.Details!;

    /// <summary>The class of its colour.</summary>
    public string Colour => $"m{Place % 4}";

    /// <summary>What it is called, marked with its colour.</summary>
    public Markup Label => $"""<span class="model {Colour}">{Metrics.ModelName}</span>""";
}
