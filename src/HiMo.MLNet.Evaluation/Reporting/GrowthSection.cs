using System.Globalization;
using HiMo.MLNet.Evaluation;
using static System.FormattableString;

namespace HiMo.MLNet.Reporting;

/// <summary>Semantic monotonicity: a chart for each model, and captions that keep it, break it, or part the models.</summary>
internal static class GrowthSection
{
    private const int StepsDrawn = 180, ExamplesEach = 4, LongText = 240;

    public static Markup Of(ReportedData data)
    {
        // The largest K has the most to show; of models with another one there is nothing to compare.
        Growth? shown = data.Detailed.SelectMany(m => m.Details.Growths).MaxBy(g => g.K ?? int.MaxValue);
        if (shown is null || shown.Similarities.All(s => s.Length < 2))
        {
            return default;
        }

        int? k = shown.K;
        (ReportedModel Model, Growth Growth)[] models =
            [.. data.Detailed.SelectMany(model => model.Details.Growths.Where(growth => growth.K == k).Take(1), ValueTuple.Create)];
        string told = k is null ? "HiMo-Docci tells every caption in texts that grow."
            : $"Every caption is told in {k} steps, a group of sentences at each.";
        return $"""
            <section id="{data.Id}-growth"><h3>Does a caption match better with every sentence?</h3>
            <p>{told} Each thin line is a caption: its similarity with its image, scaled from its lowest (0) to its highest (1). A line
            should only rise. Where it falls it is dashed and ends in a cross. The thick line is the mean of all captions.</p>
            <div class="charts">{Markup.Each(models, m => Figure(data, m.Model, m.Growth))}</div>
            {Examples(models, data.Detailed[0].Details.Set, k)}</section>
            """;
    }

    private static Markup Figure(ReportedData data, ReportedModel model, Growth growth)
    {
        float[][] lines = [.. growth.Similarities.Where(s => s.Length >= 2)];
        int points = growth.K ?? 10;
        double[] grid = [.. Enumerable.Range(1, points).Select(i => i / (double)points)];
        (double X, double Y)[] mean = [.. grid
            .Select(x => (x, Values: lines.Where(s => 1.0 / s.Length <= x + 1e-9).Select(s => At(Scaled(s), x)).ToArray()))
            .Where(p => p.Values.Length > 0).Select(p => (p.x, p.Values.Average()))];
        int whole = lines.Count(s => Falls(s) == 0);
        double share = 100.0 * whole / lines.Length;

        var chart = new Chart($"{data.Id}-growth-{model.Place}", $"{model.Metrics.ModelName}: similarity as captions grow",
            string.Create(CultureInfo.InvariantCulture,
                $"{whole} of {lines.Length} captions ({share:0.0} %) rise at every step. The mean of the scaled similarity "
                + $"goes {string.Join(", ", mean.Select(p => Invariant($"{p.Y:0.00} at {p.X:0 %}")))}."),
            (Math.Min(grid[0], lines.Min(s => 1.0 / s.Length)) - 0.02, 1.02), (-0.06, 1.06));
        chart.XAxis("share of the caption that is told",
            grid.Where((_, i) => growth.K is not null || i % 2 == 1).Select(x => (x, Invariant($"{x:0 %}"))));
        chart.YAxis("scaled similarity", [(0, "0"), (0.5, "0.5"), (1, "1")]);
        // As many as can still be told apart.
        int count = Math.Min(lines.Length, (int)(StepsDrawn / lines.Average(s => s.Length)));
        float[][] drawn = [.. Enumerable.Range(0, count).Select(i => lines[(int)((long)i * lines.Length / count)])];
        foreach (float[] line in drawn)
        {
            chart.Pieces($"sample {model.Colour}", Steps(line, falls: false));
        }

        foreach (float[] line in drawn.Where(line => Falls(line) > 0))
        {
            chart.Pieces("fall", Steps(line, falls: true));
            foreach ((_, (double x, double y)) in Steps(line, falls: true))
            {
                chart.Cross("cross", x, y);
            }
        }
        chart.Line("mean-back", mean).Line($"mean {model.Colour}", mean);
        foreach ((double x, double y) in mean)
        {
            chart.Dot($"mean {model.Colour}", x, y);
        }

        var some = Markup.If(drawn.Length < lines.Length, $"; {drawn.Length} are drawn");
        return $"""
            <figure>
            <figcaption>{model.Label} <strong>{share:0.0} %</strong> of {lines.Length} captions rise at every step{some}</figcaption>
            {chart.ToMarkup()}
            {Figures(growth, lines, mean)}</figure>
            """;
    }

    private static Markup Figures(Growth growth, float[][] lines, (double X, double Y)[] mean)
    {
        bool even = growth.K is not null;
        Markup Steps(int i)
        {
            string falls = i == 0 ? "" : lines.Count(s => s[i] <= s[i - 1]).ToString("n0", CultureInfo.InvariantCulture);
            return $"<td>{lines.Average(s => s[i]):0.000}</td><td>{falls}</td>";
        }

        return $"""
            <details><summary>The figures</summary><table>
            <thead><tr><th scope="col">told</th><th scope="col">mean, scaled</th>
            {Markup.If(even, $"""<th scope="col">mean similarity</th><th scope="col">captions that fall here</th>""")}</tr></thead>
            <tbody>{Markup.Each(mean.Index(), p => $"""
                <tr><th scope="row">{p.Item.X:0 %}</th><td>{p.Item.Y:0.00}</td>{(even ? Steps(p.Index) : default)}</tr>
                """)}</tbody></table></details>
            """;
    }

    private static Markup Examples((ReportedModel Model, Growth Growth)[] models, EvaluatedSet set, int? k)
    {
        int[] scored = [.. Enumerable.Range(0, set.Captions.Count).Where(c => models.All(m => m.Growth.Similarities[c].Length >= 2))];
        bool Rises(int caption, int model) => Falls(models[model].Growth.Similarities[caption]) == 0;
        double Fall(int caption, int model) => Depth(models[model].Growth.Similarities[caption]);
        double Gain(int caption, int model) => models[model].Growth.Similarities[caption] is var s ? s[^1] - s[0] : 0;
        int[] all = [.. Enumerable.Range(0, models.Length)];
        bool several = all.Length > 1;

        var examples = new Examples(ExamplesEach);
        Markup Group(string title, string what, IEnumerable<int> captions) => examples.Group(captions, chosen =>
        {
            bool fits = models.Length <= 2 && chosen.All(c => set.Captions[c].Length <= LongText);
            return $"""
                <h4>{title} <small>{what}</small></h4>
                <div class="cards {(fits ? "two" : "one")}">{Markup.Each(chosen, caption => Example(models, set, caption, k))}</div>
                """;
        });
        Markup rise = Group("Rise most",
            several ? "for every model, from the first words to the whole caption" : "from the first words to the whole caption",
            scored.Where(c => all.All(m => Rises(c, m))).OrderByDescending(c => all.Sum(m => Gain(c, m))));
        Markup divide = Group("Divide the models", "rise for one and fall for another",
            scored.Where(c => all.Any(m => Rises(c, m)) && !all.All(m => Rises(c, m)))
                .OrderByDescending(c => all.Max(m => Fall(c, m)) - all.Min(m => Fall(c, m)) + all.Max(m => Gain(c, m))));
        Markup fall = Group("Fall most", several ? "for all models together" : "wherever they fall",
            scored.Where(c => all.Any(m => !Rises(c, m))).OrderByDescending(c => all.Sum(m => Fall(c, m))));
        return $"{rise}{divide}{fall}";
    }

    private static Markup Example((ReportedModel Model, Growth Growth)[] models, EvaluatedSet set, int caption, int? k)
    {
        IReadOnlyList<string> texts = set.GrowingTexts(caption, k);
        Markup Part(int part)
        {
            string words = part == 0 ? texts[0] : texts[part][ReportedData.SharedWords(texts[part], texts[part - 1])..].Trim();
            Markup shortened = $"{ReportedData.Shorten(words, 400)}";
            bool FallsHere(Growth growth) => part > 0 && growth.Similarities[caption] is var s && s[part] <= s[part - 1];
            Markup Cell((ReportedModel Model, Growth Growth) m)
            {
                bool falls = FallsHere(m.Growth);
                var arrow = Markup.If(part > 0, Arrow(falls));
                return $"""<td class="number{Markup.If(falls, $" falls")}">{m.Growth.Similarities[caption][part]:0.000}{arrow}</td>""";
            }

            return $"""
                <tr><th scope="row">{(models.Any(m => FallsHere(m.Growth)) ? $"<mark>{shortened}</mark>" : shortened)}</th>
                {Markup.Each(models, Cell)}</tr>
                """;
        }

        return $"""
            <article class="card growing">
            <div class="image">{Thumbnail.Of(set.ImagePaths[set.ImageOfCaption[caption]], 224, "The image of this caption")}</div>
            <table><thead><tr><th scope="col">part</th>
            {Markup.Each(models, m => $"""<th scope="col" class="number">{m.Model.Label}</th>""")}</tr></thead>
            <tbody>{Markup.Each(Enumerable.Range(0, texts.Count), Part)}</tbody></table></article>
            """;
    }

    private static Markup Arrow(bool falls) =>
        $""" <span role="img" aria-label="{(falls ? "falls" : "rises")}">{(falls ? "▼" : "▲")}</span>""";

    private static int Falls(float[] s) => Enumerable.Range(1, s.Length - 1).Count(i => s[i] <= s[i - 1]);

    private static double Depth(float[] s) => Enumerable.Range(1, s.Length - 1).Sum(i => Math.Max(0, s[i - 1] - (double)s[i]));

    private static IEnumerable<((double X, double Y) From, (double X, double Y) To)> Steps(float[] line, bool falls)
    {
        double[] y = Scaled(line);
        return Enumerable.Range(1, y.Length - 1).Where(i => line[i] <= line[i - 1] == falls)
            .Select(i => (((double)i / y.Length, y[i - 1]), ((i + 1.0) / y.Length, y[i])));
    }

    /// <summary>From the lowest (0) to the highest (1); equal ones are in the middle.</summary>
    private static double[] Scaled(float[] s)
    {
        float low = s.Min(), high = s.Max();
        return [.. s.Select(v => high > low ? (v - low) / (double)(high - low) : 0.5)];
    }

    /// <summary>The line through values at 1/n, 2/n, … 1.</summary>
    private static double At(double[] values, double x)
    {
        double place = Math.Clamp((x * values.Length) - 1, 0, values.Length - 1);
        int before = (int)Math.Min(place, values.Length - 1);
        return before + 1 >= values.Length ? values[^1] : values[before] + ((place - before) * (values[before + 1] - values[before]));
    }
}
