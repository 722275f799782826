using System.Globalization;

namespace HiMo.MLNet.Reporting;

/// <summary>The page: a header, then for every set of data a table, charts and examples.</summary>
internal static class ReportPage
{
    public static string Write(IReadOnlyList<IReadOnlyList<HiMoClipMetrics>> groups)
    {
        ReportedData[] sets = [.. groups.Select((models, i) => new ReportedData($"data{i + 1}", models))];
        // The page asks nothing of any server, whatever the captions in it say.
        Markup page = $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
            <title>HiMo-CLIP evaluation: {string.Join(", ", sets.Select(s => s.Name))}</title><style>{Style()}</style></head>
            <body>{Header(sets)}
            <main>{Markup.Each(sets, data => $"""
                <section class="data" id="{data.Id}"><h2>{data.Name}</h2>{Table(data)}
                {GrowthSection.Of(data)}{RetrievalSection.Of(data)}{ClassSection.Of(data)}{ComponentSection.Of(data)}</section>
                """)}</main>
            {Footer()}</body></html>

            """;
        return page.ToString();
    }

    private static Markup Header(ReportedData[] sets)
    {
        IEnumerable<ReportedModel> models = sets.SelectMany(set => set.Models).DistinctBy(model => (model.Place, model.Metrics.ModelName));
        return $"""
            <header><h1>HiMo-CLIP evaluation</h1><p>{DateTime.Now.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture)}</p>
            <ul class="models">{Markup.Each(models, model =>
                $"<li>{model.Label} <small>weights {model.Metrics.WeightsHash[..12]}</small></li>")}</ul>{Markup.If(sets.Length > 1, $"""
            <nav aria-label="Data"><ul>{Markup.Each(sets, data => $"""<li><a href="#{data.Id}">{data.Name}</a></li>""")}</ul></nav>
            """)}</header>
            """;
    }

    private static Markup Table(ReportedData data)
    {
        HiMoClipTable table = ResultTable.Of(data.Metrics);
        Markup figures = $"""
            <div class="wide"><table class="results">
            <thead><tr><th scope="col" rowspan="2">model</th>{Markup.Each(table.Columns.GroupBy(column => column.Group), group =>
                $"""<th scope="colgroup" colspan="{group.Count()}">{group.Key}</th>""")}</tr>
            <tr>{Markup.Each(table.Columns, column => $"""<th scope="col">{column.Name}</th>""")}</tr></thead>
            <tbody>{Markup.Each(table.Rows.Index(), row => Row(data, table, row.Index))}</tbody></table></div>
            """;
        return $"""
            {Markup.If(table.Columns.Count > 0, figures)}<ul class="notes">{Markup.Each(table.Notes, note => $"<li>{note}</li>")}</ul>
            """;
    }

    private static Markup Row(ReportedData data, HiMoClipTable table, int place)
    {
        HiMoClipTableRow row = table.Rows[place];
        bool isMeasured = row.Source == HiMoClipTableSource.Measured;
        Markup name = isMeasured ? data.Models[place].Label
            : $"{row.Name}{(row.Source == HiMoClipTableSource.Published ? ", published" : "")}";
        return $"""
            <tr class="{row.Source.ToString().ToLowerInvariant()}"><th scope="row">{name}</th>{Markup.Each(row.Values.Index(), Cell)}</tr>
            """;

        Markup Cell((int Column, double? Figure) cell)
        {
            if (cell.Figure is not { } value)
            {
                return $"<td>–</td>";
            }

            Markup text = $"{value.ToString(
                table.Columns[cell.Column].Decimals > 1 ? "0.00" : row.Source == HiMoClipTableSource.Chance && value < 10 ? "0.0#" : "0.0",
                CultureInfo.InvariantCulture).Replace('-', '−')}";
            bool isBest = isMeasured && data.Models.Count > 1
                && value == table.Rows.Where(r => r.Source == HiMoClipTableSource.Measured).Max(r => r.Values[cell.Column]);
            return $"<td>{(isBest ? $"<strong>{text}</strong>" : text)}</td>";
        }
    }

    private static Markup Footer() => $"""
        <footer><h2>How to read the figures</h2><dl>
        <dt>R@k</dt><dd>Share of queries with a right answer among the nearest k. Ties count as chance would have them, so that collapsed
        embeddings score chance.</dd>
        <dt>HiMo@2, HiMo@3</dt><dd>Share of captions whose similarity with the image rises with each of two or three groups of
        sentences.</dd>
        <dt>HiMo@K</dt><dd>Mean correlation r, from −1 to 1, of the similarity with the number of groups told.</dd>
        <dt>COLA-multi</dt><dd>Share of pairs of images where both captions prefer their own.</dd>
        <dt>published</dt><dd>Figures of the HiMo-CLIP and SmartCLIP papers, for the whole data sets and CLIP’s larger networks.</dd>
        </dl><p>HiMo.MLNet {typeof(ReportPage).Assembly.GetName().Version?.ToString(3)}</p></footer>
        """;

    private static Markup Style()
    {
        using Stream css = typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(css);
        return Markup.Raw(reader.ReadToEnd());
    }
}
