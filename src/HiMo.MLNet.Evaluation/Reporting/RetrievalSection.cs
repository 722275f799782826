using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Reporting;

/// <summary>What images and captions find, for the best and the worst of them and where the models part.</summary>
internal static class RetrievalSection
{
    private const int ExamplesEach = 3, CaptionsFound = 3, ImagesFound = 5;

    public static void Write(Html html, ReportedData data)
    {
        (int Place, HiMoClipMetrics Metrics, EvaluationDetails Details)[] models = data.Detailed
            .Where(m => m.Details.ImageRanks is not null).ToArray();
        if (models.Length == 0)
        {
            return;
        }

        html.Add($"<section id=\"{data.Id}-retrieval\"><h3>What images and captions find</h3>");
        html.Add(
            $"<p>An image looks for its caption among {models[0].Details.Set.Captions.Count}, a caption for its image "
            + $"among {models[0].Details.Set.ImagePaths.Count}. Right answers are framed and ticked; the rank is that of the best right "
            + $"one, after all that tie with it.</p>");
        Examples("Images that look for their caption", [.. models.Select(m => m.Details.ImageRanks!)],
            query => WriteImageQuery(html, data, models, query));
        Examples("Captions that look for their image", [.. models.Select(m => m.Details.TextRanks!)],
            query => WriteCaptionQuery(html, data, models, query));
        html.Add($"</section>");

        void Examples(string title, QueryRanks[] ranks, Action<int> write)
        {
            int[] queries = [.. Enumerable.Range(0, ranks[0].Count).Where(q => ranks[0].Rank(q) is not null)];
            double LogRank(QueryRanks r, int query) => Math.Log(r.Rank(query)!.Value);
            HashSet<int> shown = [];
            html.Add($"<h4>{title}</h4>");
            Group("Best: the right answer highest on the list, and nearest",
                queries.OrderBy(q => ranks.Sum(r => LogRank(r, q))).ThenByDescending(q => ranks.Sum(r => (double)r.Best[q])));
            if (ranks.Length > 1)
            {
                Group("Where the models disagree most", queries.Where(q => ranks.Max(r => r.Rank(q)) > ranks.Min(r => r.Rank(q)))
                    .OrderByDescending(q => ranks.Max(r => LogRank(r, q)) - ranks.Min(r => LogRank(r, q))));
            }

            Group("Worst: the right answer lowest on the list",
                queries.Where(q => ranks.Any(r => r.Rank(q) > 1)).OrderByDescending(q => ranks.Sum(r => LogRank(r, q))));

            void Group(string name, IEnumerable<int> chosen)
            {
                int[] examples = [.. chosen.Where(q => !shown.Contains(q)).Take(ExamplesEach)];
                if (examples.Length == 0)
                {
                    return;
                }

                shown.UnionWith(examples);
                html.Add($"<h5>{name}</h5><div class=\"cards\">");
                foreach (int query in examples)
                {
                    write(query);
                }

                html.Add($"</div>");
            }
        }
    }

    private static void WriteImageQuery(
        Html html, ReportedData data, (int Place, HiMoClipMetrics, EvaluationDetails Details)[] models, int image)
    {
        EvaluatedSet set = models[0].Details.Set;
        string own = set.Captions[Array.IndexOf(set.ImageOfCaption, image)];
        Markup seen = Thumbnail.Of(set.ImagePaths[image], 224, "The image that looks for its caption");
        html.Add($"<article class=\"card\"><div class=\"query\"><div class=\"image\">{seen}</div>");
        html.Add($"<p>{ReportedData.Shorten(own, 240)}</p></div>");
        foreach ((int place, _, EvaluationDetails details) in models)
        {
            html.Add($"<div class=\"answers\"><p>{data.Label(place)} rank {details.ImageRanks!.Rank(image)!.Value}</p><ol>");
            foreach ((int caption, float similarity) in Nearest(details.Images, image, details.Texts!, CaptionsFound))
            {
                bool right = set.ImageOfCaption[caption] == image;
                html.Add($"<li{new Markup(right ? " class=\"right\"" : "")}><span class=\"similarity\">{similarity:0.000}</span>");
                html.Add($"<span>{ReportedData.Shorten(set.Captions[caption], 160)}{Tick(right)}</span></li>");
            }
            html.Add($"</ol></div>");
        }
        html.Add($"</article>");
    }

    private static void WriteCaptionQuery(
        Html html, ReportedData data, (int Place, HiMoClipMetrics, EvaluationDetails Details)[] models, int caption)
    {
        EvaluatedSet set = models[0].Details.Set;
        html.Add($"<article class=\"card\"><p class=\"query\">{ReportedData.Shorten(set.Captions[caption], 400)}</p>");
        foreach ((int place, _, EvaluationDetails details) in models)
        {
            html.Add(
                $"<div class=\"answers\"><p>{data.Label(place)} rank {details.TextRanks!.Rank(caption)!.Value}</p><ol class=\"strip\">");
            foreach ((int image, float similarity) in Nearest(details.Texts!, caption, details.Images, ImagesFound))
            {
                bool right = set.ImageOfCaption[caption] == image;
                string about = set.Captions[Math.Max(0, Array.IndexOf(set.ImageOfCaption, image))];
                Markup found = Thumbnail.Of(set.ImagePaths[image], 112, ReportedData.Shorten(about, 80));
                html.Add($"<li{new Markup(right ? " class=\"right\"" : "")}>{found}");
                html.Add($"<span class=\"similarity\">{similarity:0.000}{Tick(right)}</span></li>");
            }
            html.Add($"</ol></div>");
        }
        html.Add($"</article>");
    }

    private static Markup Tick(bool right) => new(right ? " <span class=\"tick\" role=\"img\" aria-label=\"right\">✓</span>" : "");

    /// <summary>The candidates nearest to a query.</summary>
    private static IEnumerable<(int Candidate, float Similarity)> Nearest(
        EmbeddingMatrix queries, int query, EmbeddingMatrix candidates, int count)
    {
        float[] similarities = new float[candidates.Count];
        SimilarityBlock.Compute(queries, query, 1, candidates, 0, candidates.Count, similarities);
        return similarities.Select((s, i) => (Candidate: i, Similarity: s)).OrderByDescending(c => c.Similarity).Take(count);
    }
}
