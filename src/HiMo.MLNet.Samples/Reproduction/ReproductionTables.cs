using System.Globalization;
using System.Text;

namespace HiMo.MLNet.Samples.Reproduction;

/// <summary>The results as Markdown: the paper's claims, figures, paired differences, and how trainings went.</summary>
/// <param name="plan">What was to be done.</param>
/// <param name="runs">What was done.</param>
internal sealed class ReproductionTables(ReproductionPlan plan, IReadOnlyList<ReproductionRun> runs)
{
    private readonly string[] _variants = [PaperReproduction.Pretrained, .. plan.Variants];
    private readonly string[] _measures = [.. runs[0].Measures.Keys];

    public string Write()
    {
        var text = new StringBuilder();
        foreach (string network in plan.Networks)
        {
            string what = plan.Networks.Length > 1 ? $" ({network})" : "";
            Table(text, $"Claims{what}", ["claim", "paper", "here: difference with its 95 % interval", ""], PaperClaim.All
                .Where(claim => _variants.Contains(claim.More) && _variants.Contains(claim.Less)).Select(claim => Row(network, claim)));
            Table(text, $"Figures{what}: mean ± standard deviation over {plan.Seeds} seeds", ["", .. _measures],
                _variants.Select(variant => (string[])[variant, .. _measures.Select(m => Spread(Of(network, variant), m))]));
            Table(text, $"Beside CLIP{what}: paired difference with its 95 % interval", ["", .. _measures],
                _variants.Where(v => v != "CLIP" && plan.Variants.Contains("CLIP")).Select(variant => (string[])
                    [variant, .. _measures.Select(m => Bold(Difference(network, variant, "CLIP", m), m))]));
            Table(text, $"Training{what}", ["", "steps", "loss at the end", "components kept, m", "scale of the logits, s", "seconds"],
                _variants.Select(variant => Trained(variant, Of(network, variant))));
        }

        return text.ToString();
    }

    private static void Table(StringBuilder text, string title, IReadOnlyList<string> head, IEnumerable<string[]> rows)
    {
        text.Append("## ").Append(title).Append("\n\n");
        foreach (IReadOnlyList<string> row in rows.Prepend([.. head.Select(_ => "---")]).Prepend(head))
        {
            text.Append("| ").AppendJoin(" | ", row).Append(" |\n");
        }

        text.Append('\n');
    }

    private string[] Row(string network, PaperClaim claim)
    {
        Interval difference = Difference(network, claim.More, claim.Less, claim.Measure);
        return [claim.Text, claim.Paper, $"{claim.Measure}: {Told(difference, claim.Measure)}", PaperClaim.Verdict(difference)];
    }

    private static string[] Trained(string variant, ReproductionRun[] own)
    {
        string Mean(Func<ReproductionRun, double> value, string format) =>
            own.Average(value).ToString(format, CultureInfo.InvariantCulture);
        return [variant, $"{own[0].Steps}", Mean(r => r.Loss, "f3"), Mean(r => r.Components, "f1"), Mean(r => r.LogitScale, "f1"),
            Mean(r => r.Seconds, "f0")];
    }

    private ReproductionRun[] Of(string network, string variant) =>
        [.. runs.Where(r => r.Network == network && r.Variant == variant).OrderBy(r => r.Seed)];

    private Interval Difference(string network, string more, string less, string measure) => Bootstrap.OfDifference(
        [.. Of(network, more).Select(r => r.Measures[measure])], [.. Of(network, less).Select(r => r.Measures[measure])]);

    private static string Spread(ReproductionRun[] own, string measure)
    {
        double[] all = [.. own.Select(r => r.Measures[measure].Average())];
        double mean = all.Average(), squares = all.Sum(v => (v - mean) * (v - mean));
        double deviation = all.Length > 1 ? Math.Sqrt(squares / (all.Length - 1)) : 0;
        string digits = IsCorrelation(measure) ? "0.00;−0.00;0.00" : "0.0";
        return $"{mean.ToString(digits, CultureInfo.InvariantCulture)} ± {deviation.ToString(digits, CultureInfo.InvariantCulture)}";
    }

    private static string Told(Interval interval, string measure)
    {
        string digits = IsCorrelation(measure) ? "+0.00;−0.00;0.00" : "+0.0;−0.0;0.0";
        string Text(double value) => value.ToString(digits, CultureInfo.InvariantCulture);
        return $"{Text(interval.Mean)} ({Text(interval.Low)} to {Text(interval.High)})";
    }

    /// <summary>Bold where the interval leaves out 0.</summary>
    private static string Bold(Interval interval, string measure) =>
        interval.Low > 0 || interval.High < 0 ? $"**{Told(interval, measure)}**" : Told(interval, measure);

    private static bool IsCorrelation(string measure) => measure == "HiMo@K";
}
