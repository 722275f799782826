using System.Globalization;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Objectives;

namespace HiMo.MLNet.Reporting;

/// <summary>What HiDe finds in a batch of captions: components kept against τ, and the captions at their ends.</summary>
internal static class ComponentSection
{
    private const int BatchSize = 256, ComponentsShown = 4, CaptionsAtAnEnd = 3;
    private const double PublishedRatio = 0.9, LeastRatio = 0.5, MostRatio = 0.99;

    // The paper's own ablation of τ.
    private static readonly double[] s_ratios = [0.6, 0.7, 0.8, 0.85, 0.9, 0.95];

    public static Markup Of(ReportedData data)
    {
        ReportedModel[] models = [.. data.Detailed.Where(m => m.Details is { Texts.Count: > 2, ImageRanks: not null })];
        if (models.Length == 0)
        {
            return default;
        }

        EvaluatedSet set = models[0].Details.Set;
        int[] batch = [.. Distinct(set.Captions)];
        if (batch.Length < 3)
        {
            return default;
        }

        string[] captions = [.. batch.Select(caption => set.Captions[caption])];
        (ReportedModel Model, HiDeComponents Components)[] found = [.. models.Select(m => (m, Components(m.Details.Texts!, batch)))];
        return $"""
            <section id="{data.Id}-components"><h3>The semantic components of a batch</h3>
            <p>HiDe keeps of a batch’s captions as many principal components as explain the share τ of their variance. This batch is
            {batch.Length} different captions, evenly spread over the data. In another batch the same caption has other components: that is
            the point.</p>
            <div class="charts"><figure><figcaption>Components kept against τ; the dashed line is the published τ = 0.9</figcaption>
            {Chart(data, found)}</figure>
            <table class="compact"><caption>Components kept</caption>
            <thead><tr><th scope="col">τ</th>{Markup.Each(models, model => $"""<th scope="col">{model.Label}</th>""")}</tr></thead>
            <tbody>{Markup.Each(s_ratios, ratio => $"""
                <tr><th scope="row">{ratio:0.00}</th>{Markup.Each(found, f => $"<td>{f.Components.Count(ratio)}</td>")}</tr>
                """)}</tbody></table></div>
            <div class="columns">{Markup.Each(found, f => Ends(f.Model, f.Components, captions))}</div></section>
            """;
    }

    private static IEnumerable<int> Distinct(IReadOnlyList<string> captions)
    {
        int[] different = [.. captions.Index().DistinctBy(c => c.Item).Select(c => c.Index)];
        int count = Math.Min(BatchSize, different.Length);
        return Enumerable.Range(0, count).Select(i => different[(int)((long)i * different.Length / count)]);
    }

    private static HiDeComponents Components(EmbeddingMatrix texts, int[] batch) =>
        HiDeComponents.Of(EvaluatedSet.Rows(texts, batch), texts.Dimension, ComponentsShown);

    private static Markup Chart(ReportedData data, (ReportedModel Model, HiDeComponents Components)[] found)
    {
        int most = found.Max(f => f.Components.Count(MostRatio));
        var chart = new Chart($"{data.Id}-components-m", "Components kept against τ",
            string.Join(" ", found.Select(f => $"{f.Model.Metrics.ModelName}: {f.Components.Count(0.5)} at τ = 0.5, "
                + $"{f.Components.Count(0.8)} at 0.8, {f.Components.Count(PublishedRatio)} at 0.9, "
                + $"{f.Components.Count(MostRatio)} at 0.99.")),
            (LeastRatio, MostRatio), (0, most * 1.05));
        chart.XAxis("τ, share of the variance to keep",
            [(0.5, "0.5"), (0.6, "0.6"), (0.7, "0.7"), (0.8, "0.8"), (0.9, "0.9"), (0.99, "0.99")]);
        chart.YAxis("m, components kept", Ticks(most).Select(v => ((double)v, v.ToString(CultureInfo.InvariantCulture))));
        chart.Line("published", [(PublishedRatio, 0), (PublishedRatio, most * 1.05)]);
        foreach ((ReportedModel model, HiDeComponents components) in found)
        {
            IEnumerable<double> ratios = Enumerable.Range(0, 491).Select(i => LeastRatio + (i / 1000.0));
            chart.Line($"series {model.Colour}", ratios.Select(ratio => (ratio, (double)components.Count(ratio))))
                .Dot($"mean {model.Colour}", PublishedRatio, components.Count(PublishedRatio));
        }

        return chart.ToMarkup();
    }

    private static IEnumerable<int> Ticks(int most)
    {
        int step = new[] { 1, 2, 5, 10, 20, 25, 50, 100 }.FirstOrDefault(s => most / s <= 6, 200);
        return Enumerable.Range(0, (most / step) + 1).Select(i => i * step);
    }

    private static Markup Ends(ReportedModel model, HiDeComponents found, string[] captions)
    {
        double[] shares = found.Shares();
        return $"""
            <div><h4>{model.Label} <small>the captions at the ends of its leading components</small></h4>
            <ol class="components">{Markup.Each(found.Loadings.Index(), component => $"""
                <li><p><strong>Component {component.Index + 1}</strong> {100 * shares[component.Index]:0.0} % of the variance</p>
                {Ends(component.Item, captions)}</li>
                """)}</ol></div>
            """;
    }

    private static Markup Ends(double[] loadings, string[] captions)
    {
        // The sign says nothing: the longer end comes first.
        double sign = loadings.Max() < -loadings.Min() ? -1 : 1;
        int[] order = [.. Enumerable.Range(0, captions.Length).OrderByDescending(c => sign * loadings[c])];
        Markup End(IEnumerable<int> nearest) => Markup.Each(nearest.Take(CaptionsAtAnEnd), caption =>
            $"""<li><span class="similarity">{sign * loadings[caption]:+0.00;-0.00}</span>""" +
            $"""<span>{ReportedData.Shorten(captions[caption], 110)}</span></li>""");
        return $"""<div class="ends"><ul>{End(order)}</ul><ul>{End(order.Reverse())}</ul></div>""";
    }
}
