using System.Text;
using HiMo.MLNet.Reporting;

namespace HiMo.MLNet;

/// <summary>Shows what <c>model.Evaluate</c> measured: tables beside published figures, JSON, CSV, and a page to look at.</summary>
public static class HiMoClipReport
{
    /// <summary>One table for each set of data (<see cref="HiMoClipMetrics.DataName"/>), in their order; its rows are the models.</summary>
    /// <param name="metrics">The metrics of any models on any data.</param>
    internal static IReadOnlyList<HiMoClipTable> Tables(params IReadOnlyList<HiMoClipMetrics> metrics) =>
        [.. Group(metrics).Select(ResultTable.Of)];

    /// <summary>
    /// Writes one HTML file that needs nothing beside it: tables; charts of semantic monotonicity and captions that keep or break it;
    /// examples of retrieval; the components that HiDe finds in a batch of captions. Models are shown side by side.
    /// </summary>
    /// <param name="path">The file; written beside under another name and moved.</param>
    /// <param name="metrics">Metrics that keep their embeddings (<see cref="HiMoClipEvaluationOptions.KeepsEmbeddings"/>); of others only
    /// tables are shown.</param>
    /// <exception cref="ArgumentException">There are no metrics, or two of the same data name with different images or
    /// captions.</exception>
    public static void SaveHtml(string path, params IReadOnlyList<HiMoClipMetrics> metrics) => Save(path, ReportPage.Write(Group(metrics)));

    /// <summary>All figures as JSON: <c>results</c>, one a model and data, and <c>tables</c>. What could not be measured is null.</summary>
    /// <param name="metrics">The metrics.</param>
    public static string ToJson(params IReadOnlyList<HiMoClipMetrics> metrics) => ResultFiles.Json(metrics, Tables(metrics));

    /// <summary>Writes <see cref="ToJson"/>.</summary>
    /// <param name="path">The file; written beside under another name and moved.</param>
    /// <param name="metrics">The metrics.</param>
    public static void SaveJson(string path, params IReadOnlyList<HiMoClipMetrics> metrics) => Save(path, ToJson(metrics));

    /// <summary>Writes the tables as CSV with the columns data, model, source, group, metric and value.</summary>
    /// <param name="path">The file; written beside under another name and moved.</param>
    /// <param name="metrics">The metrics.</param>
    public static void SaveCsv(string path, params IReadOnlyList<HiMoClipMetrics> metrics) => Save(path, ResultFiles.Csv(Tables(metrics)));

    private static HiMoClipMetrics[][] Group(IReadOnlyList<HiMoClipMetrics> metrics)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        if (metrics.Count == 0)
        {
            throw new ArgumentException("Expected the metrics of at least one model, found none.", nameof(metrics));
        }

        HiMoClipMetrics[][] groups = [.. metrics.GroupBy(m => m.DataName, StringComparer.Ordinal).Select(group => group.ToArray())];
        foreach (HiMoClipMetrics[] group in groups)
        {
            foreach (HiMoClipMetrics other in group)
            {
                if ((other.ImageCount, other.Captions.Count) != (group[0].ImageCount, group[0].Captions.Count)
                    || other.Details?.Set.Captions.SequenceEqual(group[0].Details?.Set.Captions ?? other.Details.Set.Captions) == false)
                {
                    throw new ArgumentException(
                        $"Metrics of '{other.DataName}': {group[0].ModelName} saw {group[0].ImageCount} images and "
                        + $"{group[0].Captions.Count} captions, {other.ModelName} others ({other.ImageCount} and "
                        + $"{other.Captions.Count}). Other data needs another {nameof(HiMoClipEvaluationOptions.DataName)}.",
                        nameof(metrics));
                }
            }
        }

        return groups;
    }

    private static void Save(string path, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        WholeFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));
    }
}
