using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Composition;

public sealed class ImageSearchTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private sealed class Point
    {
        public string ImagePath { get; set; } = "";

        [VectorType(2)]
        public float[] ImageEmbedding { get; set; } = [];
    }

    private sealed class Query
    {
        public string Caption { get; set; } = "";
    }

    private sealed class Found
    {
        public string[] SearchResults { get; set; } = [];
        public float[] SearchScores { get; set; } = [];
    }

    // "d" points where "c" does.
    private static readonly Point[] s_points =
    [
        new() { ImagePath = "a", ImageEmbedding = [1, 0] }, new() { ImagePath = "b", ImageEmbedding = [0, 2] },
        new() { ImagePath = "c", ImageEmbedding = [0.6f, 0.8f] }, new() { ImagePath = "d", ImageEmbedding = [3, 4] },
    ];

    private HiMoClipImageSearchTransformer Search(int k, params Point[] points) =>
        tiny.MLContext.Transforms.HiMoClipImageSearch(k).Fit(tiny.MLContext.Data.LoadFromEnumerable(points));

    private Found Find(ITransformer search, params float[] query) => tiny.MLContext.Data.CreateEnumerable<Found>(
        search.Transform(tiny.MLContext.Data.LoadFromEnumerable([new Point { ImageEmbedding = query }])), reuseRowObject: false).Single();

    [Fact]
    public void Finds_the_nearest_images_best_first_and_of_equal_ones_the_first()
    {
        Found found = Find(Search(k: 3, s_points), 6, 8);

        Assert.Equal(["c", "d", "b"], found.SearchResults);
        TinyModel.Close([1, 1, 0.8f], found.SearchScores);
        Assert.Equal(["a", "c"], Find(Search(k: 2, s_points), 1, -1).SearchResults);
    }

    [Fact]
    public void A_query_without_a_direction_finds_nothing()
    {
        foreach (float[] query in (float[][])[[float.NaN, 1], [0, 0]])
        {
            Found found = Find(Search(k: 2, s_points), query);
            Assert.Equal(["", ""], found.SearchResults);
            Assert.Equal([float.NaN, float.NaN], found.SearchScores);
        }
    }

    [Fact]
    public void Fewer_images_than_asked_for_are_all_found_with_a_warning()
    {
        var log = new List<string>();
        var mlContext = new MLContext();
        mlContext.Log += (_, e) => log.Add(e.Kind == Microsoft.ML.Runtime.ChannelMessageKind.Warning ? e.Message : "");
        Point missing = new() { ImagePath = "missing", ImageEmbedding = [float.NaN, float.NaN] };

        HiMoClipImageSearchTransformer search = mlContext.Transforms.HiMoClipImageSearch(k: 9).Fit(mlContext.Data.LoadFromEnumerable([.. s_points, missing]));

        Assert.Equal(["c", "d", "b", "a"], Find(search, 6, 8).SearchResults);
        Assert.Equal((4, 4), (search.K, search.Count));
        Assert.Contains(log, line => line.Contains("K is 9, and there are 4 images", StringComparison.Ordinal));
        Assert.Contains(log, line => line.Contains("1 of 5 images have no embedding", StringComparison.Ordinal));
    }

    [Fact]
    public void No_images_are_an_error()
    {
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => Search(k: 1));

        Assert.Contains("'ImageEmbedding'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_that_do_not_fit_are_named()
    {
        HiMoClipImageSearchTransformer search = Search(k: 1, s_points);
        using HiMoClipTransformer model = tiny.Fit();

        Assert.Contains("'TextEmbedding' has the wrong type: expected a vector of 2 singles", Assert.Throws<ArgumentOutOfRangeException>(() => search.Transform(model.Transform(tiny.Data))).Message, StringComparison.Ordinal);
        Assert.Contains("The query column 'ImageEmbedding' is missing", Assert.Throws<ArgumentOutOfRangeException>(() => search.Transform(tiny.Data)).Message, StringComparison.Ordinal);
        Assert.Contains("The embedding column 'ImageEmbedding' is missing", Assert.Throws<ArgumentOutOfRangeException>(() => tiny.MLContext.Transforms.HiMoClipImageSearch().Fit(tiny.Data)).Message, StringComparison.Ordinal);
        Assert.Contains("HiMoClipImageSearchOptions.K must be at least 1", Assert.Throws<ArgumentOutOfRangeException>(() => tiny.MLContext.Transforms.HiMoClipImageSearch(k: 0)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_text_finds_images_here_and_in_another_process()
    {
        IDataView images = tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select(r => new { r.ImagePath }).ToArray());
        TransformerChain<HiMoClipImageSearchTransformer> search = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint).Append(tiny.MLContext.Transforms.HiMoClipImageSearch(k: 5)).Fit(images);
        string zip = tiny.FileName("search.zip");
        tiny.MLContext.Model.Save(search, images.Schema, zip);
        Query[] queries = [new() { Caption = "The top is blue." }, new() { Caption = "Yellow, all of it." }];

        Found[] found = [.. tiny.MLContext.Data.CreateEnumerable<Found>(search.Transform(tiny.MLContext.Data.LoadFromEnumerable(queries)), reuseRowObject: false)];

        using HiMoClipTransformer model = tiny.Fit();
        float[][] embeddings = [.. model.Transform(tiny.Data).GetColumn<float[]>("ImageEmbedding")];
        float[][] texts = [.. model.Transform(tiny.MLContext.Data.LoadFromEnumerable(queries)).GetColumn<float[]>("TextEmbedding")];
        using PredictionEngine<Query, Found> engine = tiny.MLContext.Model.CreatePredictionEngine<Query, Found>(search);
        for (int i = 0; i < queries.Length; i++)
        {
            (string Path, float Cosine)[] best = embeddings.Select((embedding, row) => (Path: tiny.Images.Rows[row].ImagePath, Cosine: embedding.Zip(texts[i], (a, b) => a * b).Sum())).OrderByDescending(p => p.Cosine).Take(5).ToArray();
            TinyModel.Close([.. best.Select(p => p.Cosine)], found[i].SearchScores);
            Assert.Equal(best.Select(p => p.Path), found[i].SearchResults);
            Assert.Equal(found[i].SearchResults, engine.Predict(queries[i]).SearchResults);
        }
        Assert.Equal(found[1].SearchResults, SeparateProcess.Search(zip, queries[1].Caption));
    }

    [Fact]
    public void An_image_finds_itself_first()
    {
        TransformerChain<HiMoClipImageSearchTransformer> search = tiny.MLContext.Transforms.HiMoClip(tiny.Checkpoint)
            .Append(tiny.MLContext.Transforms.HiMoClipImageSearch(new HiMoClipImageSearchOptions
            {
                K = 3,
                NameColumnName = "Caption",
                QueryColumnName = "ImageEmbedding",
                ResultsColumnName = "Similar",
                ScoresColumnName = "HowSimilar",
            })).Fit(tiny.Data);

        IDataView scored = search.Transform(tiny.Data);

        Assert.Equal(tiny.Images.Rows.Select(r => r.Caption), scored.GetColumn<string[]>("Similar").Select(names => names[0]));
        Assert.All(scored.GetColumn<float[]>("HowSimilar"), scores => Assert.Equal(1, scores[0], 1e-5f));
    }

    [Fact]
    public void The_default_query_is_what_the_model_calls_its_text_embedding()
    {
        // Rows bring a column of the usual name, which is not the model's.
        IDataView data = tiny.MLContext.Data.LoadFromEnumerable(tiny.Images.Rows.Select(r => new { r.ImagePath, r.Caption, TextEmbedding = "mine" }).ToArray());
        using TransformerChain<HiMoClipImageSearchTransformer> search = tiny.MLContext.Transforms.HiMoClip(
            tiny.Checkpoint, imageEmbeddingColumnName: "Seen", textEmbeddingColumnName: "Said").Append(tiny.MLContext.Transforms.HiMoClipImageSearch(new HiMoClipImageSearchOptions { K = 3, EmbeddingColumnName = "Seen" })).Fit(data);
        string zip = tiny.FileName("renamed.zip");
        tiny.MLContext.Model.Save(search, data.Schema, zip);
        IDataView queries = tiny.MLContext.Data.LoadFromEnumerable([new Query { Caption = "The top is blue." }]);

        string[] found = search.Transform(queries).GetColumn<string[]>("SearchResults").Single();

        float[][] seen = [.. search.Transform(data).GetColumn<float[]>("Seen")];
        float[] said = search.Transform(queries).GetColumn<float[]>("Said").Single();
        Assert.Equal(seen.Index().OrderByDescending(p => p.Item.Zip(said, (a, b) => a * b).Sum()).Take(3).Select(p => tiny.Images.Rows[p.Index].ImagePath), found);
        Assert.Equal(found, tiny.MLContext.Model.Load(zip, out _).Transform(queries).GetColumn<string[]>("SearchResults").Single());
        // Where there are texts they are the query, else the images.
        Assert.Equal(found, search.Transform(tiny.MLContext.Data.LoadFromEnumerable([new { tiny.Images.Rows[0].ImagePath, Caption = "The top is blue." }])).GetColumn<string[]>("SearchResults").Single());
        Assert.Equal(tiny.Images.Rows[0].ImagePath, search.Transform(tiny.MLContext.Data.LoadFromEnumerable([new { tiny.Images.Rows[0].ImagePath }])).GetColumn<string[]>("SearchResults").Single()[0]);
    }

    [Theory]
    [InlineData(1e30f)]
    [InlineData(1e-30f)]
    [InlineData(2e-44f)]                                                      // denormal: 14 times the least number above zero
    public void A_query_of_any_length_has_its_cosines(float length)
    {
        Found found = Find(Search(k: 4, s_points), 0, length);

        Assert.Equal(["b", "c", "d", "a"], found.SearchResults);
        TinyModel.Close([1, 0.8f, 0.8f, 0], found.SearchScores);
    }

    [Fact]
    public void Images_of_any_length_have_their_cosines()
    {
        HiMoClipImageSearchTransformer search = Search(k: 3,
            new() { ImagePath = "huge", ImageEmbedding = [3e37f, 4e37f] }, new() { ImagePath = "tiny", ImageEmbedding = [0, 1e-42f] }, new() { ImagePath = "usual", ImageEmbedding = [1, 0] });

        Found found = Find(search, 0, 1);

        Assert.Equal(["tiny", "huge", "usual"], found.SearchResults);
        TinyModel.Close([1, 0.8f, 0], found.SearchScores);
    }
}
