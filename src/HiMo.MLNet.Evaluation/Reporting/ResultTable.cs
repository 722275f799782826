using System.Globalization;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;
using static System.FormattableString;

namespace HiMo.MLNet.Reporting;

/// <summary>Lays the metrics of models on one set of data out as the papers do.</summary>
internal static class ResultTable
{
    public static HiMoClipTable Of(IReadOnlyList<HiMoClipMetrics> models)
    {
        HiMoClipMetrics first = models[0];
        List<Column> columns = [];
        if (first.Retrieval is { } counts)
        {
            const string ToText = "image → caption", ToImage = "caption → image";
            Func<PublishedResult, PublishedRecall?> recall = Recall(first.Format);
            // Captions of an image are mostly equally many.
            int captions = Math.Max(1, (int)Math.Round((double)counts.TextCount / Math.Max(counts.ImageQueryCount, 1)));
            double TextChance(int k) => 100 * TiedRank.HitProbability(k, 0, Math.Max(0, counts.TextCount - captions), captions);
            double ImageChance(int k) => 100 * TiedRank.HitProbability(k, 0, counts.ImageCount - 1);
            columns.AddRange(
            [
                new(new(ToText, "R@1 %"), m => m.Retrieval?.ImageToTextRecallAt1, TextChance(1), p => recall(p)?.ImageToText),
                new(new(ToText, "R@5 %"), m => m.Retrieval?.ImageToTextRecallAt5, TextChance(5)),
                new(new(ToText, "R@10 %"), m => m.Retrieval?.ImageToTextRecallAt10, TextChance(10)),
                new(new(ToImage, "R@1 %"), m => m.Retrieval?.TextToImageRecallAt1, ImageChance(1), p => recall(p)?.TextToImage),
                new(new(ToImage, "R@5 %"), m => m.Retrieval?.TextToImageRecallAt5, ImageChance(5)),
                new(new(ToImage, "R@10 %"), m => m.Retrieval?.TextToImageRecallAt10, ImageChance(10)),
            ]);
        }
        foreach (int? k in first.Monotonicity.Select(m => m.K))
        {
            bool isShare = k is 2 or 3, averaged = first.Format is "urban1k" or "docci" or "docci-test" or "long-dci";
            columns.Add(new(new("monotonicity", k is null ? "HiMo@K r" : isShare ? $"HiMo@{k} %" : $"HiMo@{k} r", isShare ? 1 : 2),
                m => m.Monotonicity.FirstOrDefault(h => h.K == k)?.Score, k switch { 2 => 50, 3 => 100.0 / 6, _ => 0 },
                p => k switch { 2 when averaged => p.HiMoAt2, 3 when averaged => p.HiMoAt3, null => p.HiMoAtK, _ => null }));
        }
        if (first.Cola is not null)
        {
            columns.Add(new(new("COLA-multi", "both right %"), m => m.Cola?.Accuracy, 25, p => p.Cola));
        }

        if (first.ZeroShot is { PerClass.Count: var classes })
        {
            columns.Add(new(new("zero-shot", "top-1 %"), m => m.ZeroShot?.Top1Accuracy, 100.0 / classes));
            columns.Add(new(new("zero-shot", "top-5 %"), m => m.ZeroShot?.Top5Accuracy, Math.Min(100, 500.0 / classes)));
        }

        List<HiMoClipTableRow> rows = [.. models.Select(model => new HiMoClipTableRow(
            model.ModelName, HiMoClipTableSource.Measured,
                [.. columns.Select(c => c.Measured(model) is { } v && double.IsFinite(v) ? v : (double?)null)]))];
        if (columns.Count > 0)
        {
            rows.Add(new("chance", HiMoClipTableSource.Chance, [.. columns.Select(c => (double?)c.Chance)]));
        }

        rows.AddRange(PublishedResults.All
            .Select(published => new HiMoClipTableRow(published.Model, HiMoClipTableSource.Published,
                [.. columns.Select(c => c.Published?.Invoke(published))]))
            .Where(row => row.Values.Any(value => value is not null)));
        return new(first.DataName, [.. columns.Select(c => c.Shown)], rows, [.. Notes(models, rows)]);
    }

    /// <summary>A column, and what a model, chance and a published result have there.</summary>
    private sealed record Column(
        HiMoClipTableColumn Shown, Func<HiMoClipMetrics, double?> Measured, double Chance,
        Func<PublishedResult, double?>? Published = null);

    private static Func<PublishedResult, PublishedRecall?> Recall(string? format) => format switch
    {
        "urban1k" => p => p.Urban1k,
        "docci" or "docci-test" => p => p.Docci,
        "long-dci" => p => p.LongDci,
        "coco" => p => p.Coco,
        "flickr30k" => p => p.Flickr30k,
        _ => _ => null,
    };

    private static IEnumerable<string> Notes(IReadOnlyList<HiMoClipMetrics> models, List<HiMoClipTableRow> rows)
    {
        HiMoClipMetrics first = models[0];
        CaptionStatistics captions = first.Captions;
        if (first.ZeroShot is null && captions.Count > 0)
        {
            string parts = first.Monotonicity is [{ K: null }] || first.Format == "himo-docci" ? "growing texts" : "sentences";
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{first.ImageCount:n0} images, {captions.Count:n0} captions of {captions.MeanParts:0.0} {parts} and "
                + $"{captions.MeanTokens:0.0} tokens on average (at most {captions.MostParts} and {captions.MostTokens}).");
        }
        else if (first.ZeroShot is { } zeroShot)
        {
            yield return Invariant($"{zeroShot.ImageCount:n0} images of {zeroShot.PerClass.Count:n0} classes.");
        }

        if (captions.TruncatedCount > 0)
        {
            yield return Invariant(
                $"{captions.TruncatedCount:n0} captions have more tokens than the model reads; their rest is not seen.");
        }

        if (captions.EmptyCount > 0)
        {
            yield return Invariant($"{captions.EmptyCount:n0} captions are empty.");
        }

        foreach (MonotonicityMetrics himo in first.Monotonicity.Where(m => m.TooShortCount > 0))
        {
            yield return string.Create(CultureInfo.InvariantCulture,
                $"HiMo@{himo.K}: {himo.TooShortCount:n0} of {himo.ScoredCount + himo.TooShortCount:n0} captions have fewer "
                + $"than {himo.K} sentences and are not scored.");
        }

        foreach (string note in models.SelectMany(m => m.Notes).Distinct())
        {
            yield return note;
        }

        if (first.Monotonicity.Any(m => m.K is 2 or 3)
            && rows.Any(r => r.Source == HiMoClipTableSource.Published && r.Values[^1] is not null))
        {
            yield return "Published HiMo@2 and HiMo@3 are means over three data sets with long captions.";
        }
    }
}
