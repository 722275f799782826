using static System.FormattableString;

namespace HiMo.MLNet.Reporting;

/// <summary>Zero-shot classification, class by class.</summary>
internal static class ClassSection
{
    public static Markup Of(ReportedData data)
    {
        ReportedModel[] models = [.. data.Models.Where(model => model.Metrics.ZeroShot is not null)];
        if (models.Length == 0)
        {
            return default;
        }

        IReadOnlyList<ZeroShotClassMetrics> classes = models[0].Metrics.ZeroShot!.PerClass;
        ZeroShotClassMetrics Of(ReportedModel model, int place) => model.Metrics.ZeroShot!.PerClass[place];
        double Recall(ReportedModel model, int place) => Of(model, place).Recall is var recall && double.IsNaN(recall) ? 1000 : recall;
        IEnumerable<int> weakestFirst = Enumerable.Range(0, classes.Count).OrderBy(place => models.Sum(model => Recall(model, place)));
        return $"""
            <section id="{data.Id}-classes"><h3>Class by class</h3>
            <p>Recall is the share of a class’s images that were given it, precision the share of the images given it that are of it, in %.
            The weakest come first.</p>
            <div class="wide tall" tabindex="0"><table>
            <thead><tr><th scope="col" rowspan="2">class</th><th scope="col" rowspan="2">images</th>
            {Markup.Each(models, model => $"""<th scope="colgroup" colspan="2">{model.Label}</th>""")}</tr>
            <tr>{Markup.Each(models, _ => $"""<th scope="col">recall</th><th scope="col">precision</th>""")}</tr></thead>
            <tbody>{Markup.Each(weakestFirst, place => $"""
                <tr><th scope="row">{classes[place].Name}</th><td>{classes[place].Count}</td>{Markup.Each(models, model =>
                    $"<td>{Percent(Of(model, place).Recall)}</td><td>{Percent(Of(model, place).Precision)}</td>")}</tr>
                """)}</tbody></table></div></section>
            """;
    }

    private static string Percent(double value) => double.IsNaN(value) ? "–" : Invariant($"{value:0.0}");
}
