using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Objectives;

namespace HiMo.MLNet.Reporting;

/// <summary>What HiDe finds in a batch of captions: components kept against τ, and the captions at their ends.</summary>
internal static class ComponentSection
{
    private const int BatchSize = 256, ComponentsShown = 4, CaptionsAtAnEnd = 3;
    private const double PublishedRatio = 0.9, LeastRatio = 0.5, MostRatio = 0.99;

    public static void Write(Html html, ReportedData data)
    {
        (int Place, HiMoClipMetrics Metrics, EvaluationDetails Details)[] models = data.Detailed
            .Where(m => m.Details.Texts is { Count: > 2 } && m.Details.ImageRanks is not null).ToArray();
        if (models.Length == 0)
        {
            return;
        }

        EvaluatedSet set = models[0].Details.Set;
        int[] batch = [.. Distinct(set.Captions)];
        if (batch.Length < 3)
        {
            return;
        }

        HiDeComponents[] components = [.. models.Select(m => Components(m.Details.Texts!, batch))];

        html.Add($"<section id=\"{data.Id}-components\"><h3>The semantic components of a batch</h3>");
        html.Add(
            $"<p>HiDe keeps of a batch’s captions as many principal components as explain the share τ of their variance. This batch "
            + $"is {batch.Length} different captions, evenly spread over the data. In another batch the same caption has other components: "
            + $"that is the point.</p>");
        WriteChart(html, data, models, components);
        html.Add($"<div class=\"columns\">");
        foreach ((int i, (int place, HiMoClipMetrics _, EvaluationDetails _)) in models.Index())
        {
            WriteComponents(html, data, place, components[i], [.. batch.Select(caption => set.Captions[caption])]);
        }

        html.Add($"</div></section>");
    }

    private static IEnumerable<int> Distinct(IReadOnlyList<string> captions)
    {
        int[] different = [.. captions.Index().DistinctBy(c => c.Item).Select(c => c.Index)];
        int count = Math.Min(BatchSize, different.Length);
        return Enumerable.Range(0, count).Select(i => different[(int)((long)i * different.Length / count)]);
    }

    private static HiDeComponents Components(EmbeddingMatrix texts, int[] batch)
    {
        int d = texts.Dimension;
        float[] values = new float[batch.Length * d];
        for (int i = 0; i < batch.Length; i++)
        {
            texts.Row(batch[i]).CopyTo(values.AsSpan(i * d));
        }

        return HiDeComponents.Of(values, d, ComponentsShown);
    }

    private static void WriteChart(
        Html html, ReportedData data, (int Place, HiMoClipMetrics Metrics, EvaluationDetails)[] models, HiDeComponents[] components)
    {
        int most = components.Max(c => c.Count(MostRatio));
        var chart = new Chart($"{data.Id}-components-m", "Components kept against τ",
            string.Join(" ", models.Zip(components, (m, c) => $"{m.Metrics.ModelName}: {c.Count(0.5)} at τ = 0.5, {c.Count(0.8)} at 0.8, "
                + $"{c.Count(PublishedRatio)} at 0.9, {c.Count(MostRatio)} at 0.99.")),
            (LeastRatio, MostRatio), (0, most * 1.05));
        chart.XAxis("τ, share of the variance to keep",
            [(0.5, "0.5"), (0.6, "0.6"), (0.7, "0.7"), (0.8, "0.8"), (0.9, "0.9"), (0.99, "0.99")]);
        chart.YAxis("m, components kept", Ticks(most).Select(v => ((double)v, FormattableString.Invariant($"{v}"))));
        chart.Line("published", [(PublishedRatio, 0), (PublishedRatio, most * 1.05)]);
        foreach (((int place, _, _), HiDeComponents found) in models.Zip(components))
        {
            double[] ratios = [.. Enumerable.Range(0, 491).Select(i => LeastRatio + (i / 1000.0))];
            chart.Line($"series m{place % 4}", ratios.Select(ratio => (ratio, (double)found.Count(ratio)))).Dot($"mean m{place % 4}",
                PublishedRatio, found.Count(PublishedRatio));
        }
        html.Add(
            $"<div class=\"charts\"><figure><figcaption>Components kept against τ; the dashed line is the published τ = "
            + $"0.9</figcaption>{chart.ToMarkup()}</figure>");
        html.Add($"<table class=\"compact\"><caption>Components kept</caption><thead><tr><th scope=\"col\">τ</th>");
        foreach ((int place, _, _) in models)
        {
            html.Add($"<th scope=\"col\">{data.Label(place)}</th>");
        }

        html.Add($"</tr></thead><tbody>");
        // The paper's own ablation of τ.
        foreach (double ratio in (double[])[0.6, 0.7, 0.8, 0.85, 0.9, 0.95])
        {
            html.Add($"<tr><th scope=\"row\">{ratio:0.00}</th>");
            foreach (HiDeComponents found in components)
            {
                html.Add($"<td>{found.Count(ratio)}</td>");
            }

            html.Add($"</tr>");
        }
        html.Add($"</tbody></table></div>");
    }

    private static IEnumerable<int> Ticks(int most)
    {
        int step = new[] { 1, 2, 5, 10, 20, 25, 50, 100 }.FirstOrDefault(s => most / s <= 6, 200);
        return Enumerable.Range(0, (most / step) + 1).Select(i => i * step);
    }

    private static void WriteComponents(Html html, ReportedData data, int place, HiDeComponents found, string[] captions)
    {
        double[] shares = found.Shares();
        html.Add(
            $"<div><h4>{data.Label(place)} <small>the captions at the ends of its leading components</small></h4><ol "
            + $"class=\"components\">");
        foreach ((int i, double[] loadings) in found.Loadings.Index())
        {
            // The sign says nothing: the longer end comes first.
            double sign = loadings.Max() < -loadings.Min() ? -1 : 1;
            int[] order = [.. Enumerable.Range(0, captions.Length).OrderByDescending(c => sign * loadings[c])];
            html.Add($"<li><p><strong>Component {i + 1}</strong> {100 * shares[i]:0.0} % of the variance</p><div class=\"ends\">");
            End(order);
            End(order.Reverse());
            html.Add($"</div></li>");

            void End(IEnumerable<int> nearest)
            {
                html.Add($"<ul>");
                foreach (int caption in nearest.Take(CaptionsAtAnEnd))
                {
                    html.Add($"<li><span class=\"similarity\">{sign * loadings[caption]:+0.00;-0.00}</span>");
                    html.Add($"<span>{ReportedData.Shorten(captions[caption], 110)}</span></li>");
                }

                html.Add($"</ul>");
            }
        }
        html.Add($"</ol></div>");
    }
}
