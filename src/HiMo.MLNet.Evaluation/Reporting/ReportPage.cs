using System.Globalization;

namespace HiMo.MLNet.Reporting;

/// <summary>The page: a header, then for every set of data a table, charts and examples.</summary>
internal static class ReportPage
{
    public static string Write(IReadOnlyList<IReadOnlyList<HiMoClipMetrics>> groups)
    {
        ReportedData[] sets = [.. groups.Select((models, i) => new ReportedData($"data{i + 1}", models))];
        var html = new Html();
        html.Add(
            $"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, "
            + $"initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">");
        // The page asks nothing of any server, whatever the captions in it say.
        html.Add($"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">");
        html.Add(
            $"<title>HiMo-CLIP evaluation: {string.Join(", ", sets.Select(s => s.Name))}</title><style>{Style()}</style></head><body>");
        WriteHeader(html, sets);
        html.Add($"<main>");
        foreach (ReportedData data in sets)
        {
            html.Add($"<section class=\"data\" id=\"{data.Id}\"><h2>{data.Name}</h2>");
            WriteTable(html, data);
            GrowthSection.Write(html, data);
            RetrievalSection.Write(html, data);
            ClassSection.Write(html, data);
            ComponentSection.Write(html, data);
            html.Add($"</section>");
        }
        html.Add($"</main>");
        WriteFooter(html);
        return html.Add($"</body></html>\n").ToString();
    }

    private static void WriteHeader(Html html, ReportedData[] sets)
    {
        string now = DateTime.Now.ToString("d MMMM yyyy, HH:mm", CultureInfo.InvariantCulture);
        html.Add($"<header><h1>HiMo-CLIP evaluation</h1><p>{now}</p><ul class=\"models\">");
        foreach ((ReportedData data, int place) in sets.SelectMany(s => s.Models.Select((_, i) => (s, i)))
            .DistinctBy(m => (m.i, m.s.Models[m.i].ModelName)))
        {
            html.Add($"<li>{data.Label(place)} <small>weights {data.Models[place].WeightsHash[..12]}</small></li>");
        }

        html.Add($"</ul>");
        if (sets.Length > 1)
        {
            html.Add($"<nav aria-label=\"Data\"><ul>");
            foreach (ReportedData data in sets)
            {
                html.Add($"<li><a href=\"#{data.Id}\">{data.Name}</a></li>");
            }

            html.Add($"</ul></nav>");
        }
        html.Add($"</header>");
    }

    private static void WriteTable(Html html, ReportedData data)
    {
        HiMoClipTable table = ResultTable.Of(data.Models);
        if (table.Columns.Count > 0)
        {
            html.Add($"<div class=\"wide\"><table class=\"results\"><thead><tr><th scope=\"col\" rowspan=\"2\">model</th>");
            foreach (IGrouping<string, HiMoClipTableColumn> group in table.Columns.GroupBy(c => c.Group))
            {
                html.Add($"<th scope=\"colgroup\" colspan=\"{group.Count()}\">{group.Key}</th>");
            }

            html.Add($"</tr><tr>");
            foreach (HiMoClipTableColumn column in table.Columns)
            {
                html.Add($"<th scope=\"col\">{column.Name}</th>");
            }

            html.Add($"</tr></thead><tbody>");
            double?[] best = [.. table.Columns
                .Select((_, c) => table.Rows.Where(r => r.Source == HiMoClipTableSource.Measured).Max(r => r.Values[c]))];
            bool compares = data.Models.Count > 1;
            foreach ((int i, HiMoClipTableRow row) in table.Rows.Index())
            {
                html.Add($"<tr class=\"{row.Source.ToString().ToLowerInvariant()}\"><th scope=\"row\">");
                if (row.Source == HiMoClipTableSource.Measured)
                {
                    html.Add($"{data.Label(i)}");
                }
                else
                {
                    html.Add($"{row.Name}{(row.Source == HiMoClipTableSource.Published ? ", published" : "")}");
                }

                html.Add($"</th>");
                foreach ((int c, double? value) in row.Values.Index())
                {
                    string text = value is null ? "–" : value.Value.ToString(
                        table.Columns[c].Decimals > 1 ? "0.00" : row.Source == HiMoClipTableSource.Chance && value < 10 ? "0.0#" : "0.0",
                        CultureInfo.InvariantCulture).Replace('-', '−');
                    if (compares && row.Source == HiMoClipTableSource.Measured && value is not null && value == best[c])
                    {
                        html.Add($"<td><strong>{text}</strong></td>");
                    }
                    else
                    {
                        html.Add($"<td>{text}</td>");
                    }
                }
                html.Add($"</tr>");
            }
            html.Add($"</tbody></table></div>");
        }
        html.Add($"<ul class=\"notes\">");
        foreach (string note in table.Notes)
        {
            html.Add($"<li>{note}</li>");
        }

        html.Add($"</ul>");
    }

    private static void WriteFooter(Html html)
    {
        html.Add($"<footer><h2>How to read the figures</h2><dl>");
        html.Add(
            $"<dt>R@k</dt><dd>Share of queries with a right answer among the nearest k. Ties count as chance would have them, so that "
            + $"collapsed embeddings score chance.</dd>");
        html.Add(
            $"<dt>HiMo@2, HiMo@3</dt><dd>Share of captions whose similarity with the image rises with each of two or three groups of "
            + $"sentences.</dd>");
        html.Add($"<dt>HiMo@K</dt><dd>Mean correlation r, from −1 to 1, of the similarity with the number of groups told.</dd>");
        html.Add($"<dt>COLA-multi</dt><dd>Share of pairs of images where both captions prefer their own.</dd>");
        html.Add(
            $"<dt>published</dt><dd>Figures of the HiMo-CLIP and SmartCLIP papers, for the whole data sets and CLIP’s larger "
            + $"networks.</dd>");
        html.Add($"</dl><p>HiMo.MLNet {typeof(ReportPage).Assembly.GetName().Version?.ToString(3)}</p></footer>");
    }

    private static Markup Style()
    {
        using Stream css = typeof(ReportPage).Assembly.GetManifestResourceStream("report.css")!;
        using var reader = new StreamReader(css);
        return new(reader.ReadToEnd());
    }
}
