namespace HiMo.MLNet.Reporting;

/// <summary>Groups of examples, none of which is shown twice.</summary>
internal sealed class Examples(int each)
{
    private readonly HashSet<int> _shown = [];

    /// <summary>The first candidates that were not shown before, laid out; nothing where there are none.</summary>
    public Markup Group(IEnumerable<int> candidates, Func<int[], Markup> layout)
    {
        int[] chosen = [.. candidates.Where(example => !_shown.Contains(example)).Take(each)];
        _shown.UnionWith(chosen);
        return chosen.Length > 0 ? layout(chosen) : default;
    }
}
