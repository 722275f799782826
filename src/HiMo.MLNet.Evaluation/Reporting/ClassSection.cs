namespace HiMo.MLNet.Reporting;

/// <summary>Zero-shot classification, class by class.</summary>
internal static class ClassSection
{
    public static void Write(Html html, ReportedData data)
    {
        (int Index, HiMoClipMetrics Item)[] models = [.. data.Models.Index().Where(m => m.Item.ZeroShot is not null)];
        if (models.Length == 0)
        {
            return;
        }

        html.Add(
            $"<section id=\"{data.Id}-classes\"><h3>Class by class</h3><p>Recall is the share of a class’s images that were given it, "
            + $"precision the share of the images given it that are of it, in %. The weakest come first.</p><div class=\"wide tall\" "
            + $"tabindex=\"0\"><table><thead><tr><th scope=\"col\" rowspan=\"2\">class</th><th scope=\"col\" rowspan=\"2\">images</th>");
        foreach ((int place, _) in models)
        {
            html.Add($"<th scope=\"colgroup\" colspan=\"2\">{data.Label(place)}</th>");
        }

        html.Add($"</tr><tr>");
        foreach ((int Index, HiMoClipMetrics Item) _ in models)
        {
            html.Add($"<th scope=\"col\">recall</th><th scope=\"col\">precision</th>");
        }

        html.Add($"</tr></thead><tbody>");
        IReadOnlyList<ZeroShotClassMetrics> classes = models[0].Item.ZeroShot!.PerClass;
        foreach (int c in Enumerable.Range(0, classes.Count).OrderBy(c =>
            models.Sum(m => m.Item.ZeroShot!.PerClass[c].Recall is var r && double.IsNaN(r) ? 1000 : m.Item.ZeroShot!.PerClass[c].Recall)))
        {
            html.Add($"<tr><th scope=\"row\">{classes[c].Name}</th><td>{classes[c].Count}</td>");
            foreach ((_, HiMoClipMetrics model) in models)
            {
                html.Add($"<td>{Percent(model.ZeroShot!.PerClass[c].Recall)}</td><td>{Percent(model.ZeroShot.PerClass[c].Precision)}</td>");
            }

            html.Add($"</tr>");
        }
        html.Add($"</tbody></table></div></section>");
    }

    private static string Percent(double value) => double.IsNaN(value) ? "–" : FormattableString.Invariant($"{value:0.0}");
}
