using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;

namespace HiMo.MLNet.Reporting;

/// <summary>What images and captions find, for the best and the worst of them and where the models part.</summary>
internal static class RetrievalSection
{
    private const int ExamplesEach = 3, CaptionsFound = 3, ImagesFound = 5;

    public static Markup Of(ReportedData data)
    {
        ReportedModel[] models = [.. data.Detailed.Where(model => model.Details.ImageRanks is not null)];
        if (models.Length == 0)
        {
            return default;
        }

        EvaluatedSet set = models[0].Details.Set;
        return $"""
            <section id="{data.Id}-retrieval"><h3>What images and captions find</h3>
            <p>An image looks for its caption among {set.Captions.Count}, a caption for its image among {set.ImagePaths.Count}. Right
            answers are framed and ticked; the rank is that of the best right one, after all that tie with it.</p>
            <h4>Images that look for their caption</h4>
            {Groups([.. models.Select(model => model.Details.ImageRanks!)], image => ImageQuery(models, set, image))}
            <h4>Captions that look for their image</h4>
            {Groups([.. models.Select(model => model.Details.TextRanks!)], caption => CaptionQuery(models, set, caption))}</section>
            """;
    }

    private static Markup Groups(QueryRanks[] ranks, Func<int, Markup> card)
    {
        int[] queries = [.. Enumerable.Range(0, ranks[0].Count).Where(q => ranks[0].Rank(q) is not null)];
        double LogRank(QueryRanks r, int query) => Math.Log(r.Rank(query)!.Value);
        var examples = new Examples(ExamplesEach);
        Markup Group(string name, IEnumerable<int> candidates) => examples.Group(candidates, chosen =>
            $"""<h5>{name}</h5><div class="cards">{Markup.Each(chosen, card)}</div>""");
        Markup best = Group("Best: the right answer highest on the list, and nearest",
            queries.OrderBy(q => ranks.Sum(r => LogRank(r, q))).ThenByDescending(q => ranks.Sum(r => (double)r.Best[q])));
        Markup disagreed = Group("Where the models disagree most",
            queries.Where(q => ranks.Max(r => r.Rank(q)) > ranks.Min(r => r.Rank(q)))
                .OrderByDescending(q => ranks.Max(r => LogRank(r, q)) - ranks.Min(r => LogRank(r, q))));
        Markup worst = Group("Worst: the right answer lowest on the list",
            queries.Where(q => ranks.Any(r => r.Rank(q) > 1)).OrderByDescending(q => ranks.Sum(r => LogRank(r, q))));
        return $"{best}{disagreed}{worst}";
    }

    private static Markup ImageQuery(ReportedModel[] models, EvaluatedSet set, int image)
    {
        string own = set.Captions[Array.IndexOf(set.ImageOfCaption, image)];
        var answers = Markup.Each(models, model => Answers(model, model.Details.ImageRanks!.Rank(image)!.Value, "", Markup.Each(
            Nearest(model.Details.Images, image, model.Details.Texts!, CaptionsFound), found =>
            {
                bool right = set.ImageOfCaption[found.Candidate] == image;
                string caption = ReportedData.Shorten(set.Captions[found.Candidate], 160);
                return Answer(right, $"{Similarity($"{found.Similarity:0.000}")}<span>{caption}{Tick(right)}</span>");
            })));
        return $"""
            <article class="card"><div class="query"><div class="image">
            {Thumbnail.Of(set.ImagePaths[image], 224, "The image that looks for its caption")}</div>
            <p>{ReportedData.Shorten(own, 240)}</p></div>{answers}</article>
            """;
    }

    private static Markup CaptionQuery(ReportedModel[] models, EvaluatedSet set, int caption)
    {
        var answers = Markup.Each(models, model => Answers(model, model.Details.TextRanks!.Rank(caption)!.Value, " class=\"strip\"",
            Markup.Each(Nearest(model.Details.Texts!, caption, model.Details.Images, ImagesFound), found =>
            {
                bool right = set.ImageOfCaption[caption] == found.Candidate;
                string about = set.Captions[Math.Max(0, Array.IndexOf(set.ImageOfCaption, found.Candidate))];
                Markup image = Thumbnail.Of(set.ImagePaths[found.Candidate], 112, ReportedData.Shorten(about, 80));
                return Answer(right, $"{image}{Similarity($"{found.Similarity:0.000}{Tick(right)}")}");
            })));
        return $"""<article class="card"><p class="query">{ReportedData.Shorten(set.Captions[caption], 400)}</p>{answers}</article>""";
    }

    private static Markup Answers(ReportedModel model, int rank, string style, Markup answers) =>
        $"""<div class="answers"><p>{model.Label} rank {rank}</p><ol{Markup.Raw(style)}>{answers}</ol></div>""";

    private static Markup Answer(bool right, Markup answer) => $"<li{Markup.If(right, $" class=\"right\"")}>{answer}</li>";

    private static Markup Similarity(Markup value) => $"""<span class="similarity">{value}</span>""";

    private static Markup Tick(bool right) => Markup.If(right, $""" <span class="tick" role="img" aria-label="right">✓</span>""");

    /// <summary>The candidates nearest to a query.</summary>
    private static IEnumerable<(int Candidate, float Similarity)> Nearest(
        EmbeddingMatrix queries, int query, EmbeddingMatrix candidates, int count)
    {
        float[] similarities = new float[candidates.Count];
        SimilarityBlock.Compute(queries, query, 1, candidates, 0, candidates.Count, similarities);
        return similarities.Select((s, i) => (Candidate: i, Similarity: s)).OrderByDescending(c => c.Similarity).Take(count);
    }
}
