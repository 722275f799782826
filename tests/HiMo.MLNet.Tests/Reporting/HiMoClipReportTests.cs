using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using HiMo.MLNet.Evaluation;
using HiMo.MLNet.Metrics;
using HiMo.MLNet.Reporting;

namespace HiMo.MLNet.Tests.Reporting;

/// <summary>Reports of figures made by hand: two models on three images with a caption each.</summary>
public sealed partial class HiMoClipReportTests : IDisposable
{
    private static readonly string[] s_captions =
    [
        "A cat. It is <b>black</b> & fast. It sleeps.",
        "A dog. It barks. It runs.",
        "A bird. It sings.",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    // Growth: similarities with the growing texts of the captions; the last one has too few sentences. Directions: those
    // of the images, in degrees; captions are at 0, 60 and 120.
    private static HiMoClipMetrics Metrics(string model, float[][] growth, double[] directions, string? format = null, string data = "animals", string?[]? paths = null, string[]? captions = null)
    {
        captions ??= s_captions;
        EmbeddingMatrix images = Directions(directions), texts = Directions([.. captions.Select((_, i) => 60.0 * i)]);
        int[] pairs = [.. Enumerable.Range(0, captions.Length)];
        (QueryRanks imageRanks, QueryRanks textRanks) = Retrieval.Rank(images, texts, pairs);
        var set = new EvaluatedSet(paths ?? new string?[captions.Length], captions, pairs);
        return new()
        {
            ModelName = model,
            WeightsHash = new string('a', 64),
            DataName = data,
            Format = format,
            ImageCount = captions.Length,
            Captions = set.Statistics(MLNet.Text.ClipTokenizer.Default, 248),
            Retrieval = Retrieval.Recalls(imageRanks, textRanks),
            Monotonicity = [SemanticMonotonicity.HiMoAt3(growth)],
            Details = new(set, images, texts, [new Growth(3, growth)], imageRanks, textRanks),
        };
    }

    private static EmbeddingMatrix Directions(double[] degrees) =>
        new EmbeddingMatrix([.. degrees.SelectMany(d => new[] { (float)Math.Cos(d * Math.PI / 180), (float)Math.Sin(d * Math.PI / 180) })], 2).Normalize();

    // The first caption rises for both models, the second falls at its second part for the second model.
    private static readonly HiMoClipMetrics s_first = Metrics("first", [[0.1f, 0.2f, 0.3f], [0.1f, 0.3f, 0.4f], []], [0, 60, 120]);
    private static readonly HiMoClipMetrics s_second = Metrics("second", [[0.2f, 0.3f, 0.5f], [0.4f, 0.3f, 0.6f], []], [60, 0, 120]);

    private string Page(params HiMoClipMetrics[] metrics)
    {
        string path = _folder.At("report.html");
        HiMoClipReport.SaveHtml(path, metrics);
        return File.ReadAllText(path);
    }

    [Fact]
    public void Tables_have_a_row_for_each_model_and_for_chance()
    {
        HiMoClipTable table = Assert.Single(HiMoClipReport.Tables(s_first, s_second));

        Assert.Equal("animals", table.Title);
        Assert.Equal(["R@1 %", "R@5 %", "R@10 %", "R@1 %", "R@5 %", "R@10 %", "HiMo@3 %"], table.Columns.Select(c => c.Name));
        Assert.Equal(["first", "second", "chance"], table.Rows.Select(r => r.Name));
        Assert.Equal([100, 100, 100, 100, 100, 100, 100], table.Rows[0].Values);
        Assert.Equal([100 / 3.0, 100, 100, 100 / 3.0, 100, 100, 50], table.Rows[1].Values);
        Assert.Equal([100 / 3.0, 100, 100, 100 / 3.0, 100, 100, 100 / 6.0], table.Rows[2].Values);
        Assert.Contains("HiMo@3: 1 of 3 captions have fewer than 3 sentences and are not scored.", table.Notes);
    }

    [Fact]
    public void Published_figures_stand_beside_those_of_the_same_data_set()
    {
        HiMoClipTable table = Assert.Single(HiMoClipReport.Tables(Metrics("mine", [[], [], []], [0, 60, 120], "urban1k")));

        Assert.Equal([93.0, null, null, 93.1, null, null, 64.2], table.Rows.Single(r => r.Name == "HiMo-CLIP L/14").Values);
        Assert.Equal(HiMoClipTableSource.Published, table.Rows[^1].Source);
        Assert.Null(table.Rows[0].Values[^1]);                                // no caption could be scored
    }

    [Fact]
    public void The_page_needs_nothing_beside_it_and_runs_nothing()
    {
        string page = Page(s_first, s_second);

        Assert.DoesNotContain("<script", page);
        Assert.DoesNotContain("http:", page);
        Assert.DoesNotContain("https:", page);
        Assert.DoesNotContain("@import", page);
        Assert.DoesNotMatch(@"url\(", page);
        Assert.All(Links().Matches(page), link => Assert.Matches("\"(#|data:)", link.Value));
        Assert.Contains("prefers-color-scheme: dark", page);
        Assert.Contains("@media print", page);
    }

    [GeneratedRegex(" (src|href)=\"[^\"]{0,9}")]
    private static partial Regex Links();

    [GeneratedRegex("<svg.*?</svg>", RegexOptions.Singleline)]
    private static partial Regex Charts();

    [Fact]
    public void What_captions_and_names_say_is_text_and_no_markup()
    {
        string evil = "</title><script>alert('x')</script>";

        string page = Page(Metrics(evil, [[0.1f, 0.2f, 0.3f], [0.3f, 0.2f, 0.1f], []], [0, 60, 120], data: evil, captions: [s_captions[0], "a\0b\ud800. \"c\". d.", evil]));

        Assert.DoesNotContain("<script", page);
        Assert.DoesNotContain("<b>", page);
        Assert.Contains("It is &lt;b&gt;black&lt;/b&gt; &amp; fast.", page);
        Assert.DoesNotContain('\0', page);
        Assert.Contains("ab\ufffd.", page);
        Assert.All(Charts().Matches(page), chart => XElement.Parse(chart.Value));
    }

    [Fact]
    public void Charts_are_well_formed_and_have_text_alternatives()
    {
        XElement[] charts = [.. Charts().Matches(Page(s_first, s_second)).Select(chart => XElement.Parse(chart.Value))];

        Assert.Equal(3, charts.Length);                                       // growth of each model, components of both
        foreach (XElement chart in charts)
        {
            Assert.Equal("img", (string?)chart.Attribute("role"));
            string[] named = ((string)chart.Attribute("aria-labelledby")!).Split(' ');
            Assert.Equal(named, new[] { "title", "desc" }.Select(name => (string)chart.Element(name)!.Attribute("id")!));
            Assert.NotEmpty(chart.Element("desc")!.Value);
            Assert.All(chart.Descendants().Attributes("points").SelectMany(p => p.Value.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries)),
                number => Assert.InRange(double.Parse(number, System.Globalization.CultureInfo.InvariantCulture), 0, 460));
        }
        Assert.StartsWith("1 of 2 captions (50.0 %) rise at every step.", charts[1].Element("desc")!.Value);
        Assert.Equal([0, 1], charts[..2].Select(c => c.Elements("path").Count(p => (string?)p.Attribute("class") == "cross")));
        // Scaled: (0, 0.5, 1) and (0, 0.667, 1) for one, (0, 0.333, 1) and (0.333, 0, 1) for the other.
        Assert.Contains("0.00 at 33 %, 0.58 at 67 %, 1.00 at 100 %", charts[0].Element("desc")!.Value);
        Assert.Contains("0.17 at 33 %, 0.17 at 67 %, 1.00 at 100 %", charts[1].Element("desc")!.Value);
    }

    [Fact]
    public void The_words_that_lower_the_similarity_are_marked()
    {
        string page = Page(s_first, s_second);

        Assert.Equal(["<mark>It barks.</mark>"], Regex.Matches(page, "<mark>.*?</mark>").Select(m => m.Value));
        Assert.Contains("<td class=\"number falls\">0.300 <span role=\"img\" aria-label=\"falls\">▼</span></td>", page);
        Assert.Contains("Divide the models", page);
        Assert.DoesNotContain("Divide the models", Page(s_first));
    }

    [Theory]
    [InlineData("A cat. It sleeps.", "A cat.", "It sleeps.")]
    [InlineData("a sign \"ROW\", with an i", "a sign \"ROW\",", "with an i")]
    [InlineData("the words \"FIRE LANE\", faded", "the words \"FIRE LANE\"", ", faded")]
    [InlineData("a house, red", "a houseboat", "house, red")]
    public void The_words_of_a_part_are_those_that_the_text_before_lacks(string longer, string shorter, string words) =>
        Assert.Equal(words, longer[ReportedData.SharedWords(longer, shorter)..].Trim());

    [Fact]
    public void Examples_show_ranks_and_what_was_found()
    {
        string page = Page(s_second);

        // The second image points where the first caption does: cosines 1, 0.5 and −0.5.
        Assert.Contains("A dog. It barks. It runs.</p></div><div class=\"answers\"><p><span class=\"model m0\">second</span> rank 2</p><ol>"
            + "<li><span class=\"similarity\">1.000</span><span>A cat.", page);
        Assert.Contains("<li class=\"right\"><span class=\"similarity\">0.500</span><span>A dog. It barks. It runs. <span class=\"tick\"", page);
        Assert.Contains("−0.500", page);
    }

    [Fact]
    public void Images_are_small_copies_inside_the_page_and_may_have_gone()
    {
        string?[] paths = [GoldenFile.PathOf(Path.Combine("images", "rocket.jpg")), _folder.At("gone.png"), GoldenFile.PathOf(Path.Combine("images", "chelsea.png"))];

        string page = Page(Metrics("mine", [[0.1f, 0.2f, 0.3f], [0.3f, 0.2f, 0.1f], []], [0, 60, 120], paths: paths));

        Assert.Contains("src=\"data:image/jpeg;base64,/9j/", page);
        Assert.Contains("image not at hand", page);
        Assert.InRange(new FileInfo(_folder.At("report.html")).Length, 20_000, 400_000);
    }

    [Fact]
    public void Models_measured_with_another_K_are_compared_where_they_can_be()
    {
        Growth two = new(2, [[0.1f, 0.2f], [0.2f, 0.1f], [0.1f, 0.2f]]);
        HiMoClipMetrics other = s_second with { ModelName = "other", Details = s_second.Details! with { Growths = [two] }, Monotonicity = [SemanticMonotonicity.HiMoAt2(two.Similarities)] };

        string page = Page(s_first, other);

        Assert.Contains("first: similarity as captions grow", page);
        Assert.DoesNotContain("other: similarity as captions grow", page);
        Assert.Contains("other</span> rank", page);
    }

    [Fact]
    public void Without_embeddings_there_are_the_tables()
    {
        string page = Page(s_first with { Details = null });

        Assert.Contains("HiMo@3 %", page);
        Assert.Empty(Charts().Matches(page));
    }

    [Fact]
    public void Other_data_needs_another_name()
    {
        HiMoClipMetrics other = Metrics("other", [[], []], [0, 60], captions: s_captions[..2]);

        Assert.Contains("'animals'", Assert.Throws<ArgumentException>(() => HiMoClipReport.Tables(s_first, other)).Message);
        HiMoClipMetrics words = Metrics("words", [[], [], []], [0, 60, 120], captions: [.. s_captions.Select(c => c + " More.")]);
        Assert.Contains("words others (3 and 3)", Assert.Throws<ArgumentException>(() => HiMoClipReport.Tables(s_first, words)).Message);
        Assert.Equal(2, HiMoClipReport.Tables(s_first, other with { DataName = "two" }).Count);
        Assert.Throws<ArgumentException>(() => HiMoClipReport.Tables());
    }

    [Fact]
    public void JSON_and_CSV_hold_the_figures()
    {
        HiMoClipMetrics empty = Metrics("a \"b\", c", [[], [], []], [0, 60, 120]);
        HiMoClipReport.SaveCsv(_folder.At("figures.csv"), empty, s_second);
        HiMoClipReport.SaveJson(_folder.At("figures.json"), empty, s_second);

        string[] lines = File.ReadAllLines(_folder.At("figures.csv"));
        Assert.Equal("data,model,source,group,metric,value", lines[0]);
        Assert.Equal("animals,\"a \"\"b\"\", c\",measured,image → caption,R@1 %,100", lines[1]);
        Assert.Contains("animals,second,measured,monotonicity,HiMo@3 %,50", lines);
        using var json = JsonDocument.Parse(File.ReadAllText(_folder.At("figures.json")));
        JsonElement[] results = [.. json.RootElement.GetProperty("results").EnumerateArray()];
        Assert.Equal(JsonValueKind.Null, results[0].GetProperty("monotonicity")[0].GetProperty("score").ValueKind);
        Assert.Equal(50, results[1].GetProperty("monotonicity")[0].GetProperty("score").GetDouble());
        Assert.Equal(3, results[1].GetProperty("retrieval").GetProperty("imageQueryCount").GetInt32());
        Assert.False(results[1].TryGetProperty("details", out _));
    }

    [Fact]
    public void Classes_are_told_one_by_one_the_weakest_first()
    {
        HiMoClipMetrics metrics = s_first with
        {
            Retrieval = null,
            Monotonicity = [],
            Details = null,
            ZeroShot = new() { Top1Accuracy = 60, Top5Accuracy = 100, ImageCount = 5, PerClass = [new("cat", 2, 100, 50), new("dog & pup", 3, 33.33, 100), new("bird", 0, double.NaN, double.NaN)] },
        };

        string page = Page(metrics);

        Assert.Matches("dog &amp; pup</th><td>3</td><td>33.3</td><td>100.0</td>.*cat</th><td>2</td><td>100.0</td><td>50.0</td>.*bird</th><td>0</td><td>–</td><td>–</td>", page);
        Assert.Equal([60, 100], HiMoClipReport.Tables(metrics)[0].Rows[0].Values);
        Assert.Equal([100 / 3.0, 100], HiMoClipReport.Tables(metrics)[0].Rows[1].Values);
    }
}
