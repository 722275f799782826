using System.Text.Json;
using Microsoft.ML;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>Images that are embedded once and searched many times.</summary>
public sealed class IndexCommandTests : IClassFixture<CommandLineTests.Files>
{
    private const string Query = "the top is red";

    private readonly CommandLineTests.Files _files;
    private readonly string _photos, _index;

    public IndexCommandTests(CommandLineTests.Files files)
    {
        _files = files;
        string folder = files.At(Guid.NewGuid().ToString("n"));
        _photos = Directory.CreateDirectory(Path.Combine(folder, "photos")).FullName;
        _index = Path.Combine(folder, "photos.zip");
        foreach (int i in (int[])[0, 1, 2, 3])
        {
            File.Copy(files.Images[i], Photo(i));
        }
    }

    private string Photo(int i) => Path.Combine(_photos, $"{i}.png");

    private ProgramResult Index(params string[] arguments) => HimoProgram.Run(["index", _photos, "--output", _index, "--json", .. arguments]);

    private static (int Added, int Changed, int Removed, int Kept) Counts(JsonElement told) =>
        (Count(told, "added"), Count(told, "changed"), Count(told, "removed"), Count(told, "kept"));

    private static int Count(JsonElement told, string name) => told.GetProperty(name).GetInt32();

    private static (string Image, float Cosine)[] Matches(ProgramResult found) =>
        [.. found.Json.EnumerateArray().Select(match => (match.GetProperty("image").GetString()!, match.GetProperty("cosine").GetSingle()))];

    private (string Image, float Cosine)[] Search() => Matches(HimoProgram.Run("search", _index, Query, "--json"));

    private void AssertFindsAsWithoutIndex()
    {
        (string Image, float Cosine)[] expected = Matches(HimoProgram.Run("search", "--model", _files.Checkpoint, "--images", _photos, Query, "--json"));
        (string Image, float Cosine)[] found = Search();

        Assert.Equal(expected.Select(match => match.Image), found.Select(match => match.Image));
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First.Cosine, pair.Second.Cosine, 1e-4f));
    }

    [Fact]
    public void An_index_finds_what_a_search_of_the_images_finds()
    {
        Assert.Equal((4, 0, 0, 0), Counts(Index("--model", _files.Checkpoint).Json));

        AssertFindsAsWithoutIndex();
    }

    [Fact]
    public void What_is_new_or_changed_is_embedded_and_what_is_gone_goes()
    {
        Index("--model", _files.Checkpoint);
        File.Copy(_files.Images[4], Photo(4));
        File.Copy(_files.Images[5], Photo(1), overwrite: true);
        File.SetLastWriteTimeUtc(Photo(1), DateTime.UtcNow.AddMinutes(1));
        File.Delete(Photo(2));

        Assert.Equal((1, 1, 1, 2), Counts(Index().Json));

        AssertFindsAsWithoutIndex();
    }

    [Fact]
    public void An_index_that_is_up_to_date_is_not_written()
    {
        Index("--model", _files.Checkpoint);
        File.SetLastWriteTimeUtc(_index, new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        Assert.Equal((0, 0, 0, 4), Counts(Index("--model", _files.Checkpoint).Json));

        Assert.Equal(2020, File.GetLastWriteTimeUtc(_index).Year);
    }

    [Fact]
    public void Another_model_embeds_all_images_again()
    {
        Index("--model", _files.Checkpoint);

        Assert.Equal((0, 4, 0, 0), Counts(Index("--model", GoldenFile.PathOf("tiny-vit.pt")).Json));
    }

    [Fact]
    public void An_image_that_cannot_be_read_is_told_and_left_out_until_it_can()
    {
        Index("--model", _files.Checkpoint);
        string broken = Path.Combine(_photos, "broken.png");
        File.WriteAllText(broken, "not an image");

        ProgramResult indexed = Index();

        Assert.Equal(3, indexed.ExitCode);
        JsonElement told = JsonDocument.Parse(indexed.Output).RootElement;
        Assert.Equal((0, 0, 0, 4), Counts(told));
        Assert.Equal(broken, Assert.Single(told.GetProperty("skipped").EnumerateArray()).GetProperty("image").GetString());
        Assert.Contains("1 of 5 images could not be read", indexed.Errors, StringComparison.Ordinal);
        File.Copy(_files.Images[6], broken, overwrite: true);
        Assert.Equal((1, 0, 0, 4), Counts(Index().Json));
    }

    [Fact]
    public void An_index_is_a_model_of_MLNet()
    {
        Index("--model", _files.Checkpoint);
        var mlContext = new MLContext();
        ITransformer loaded = mlContext.Model.Load(_index, out _);

        Found found = mlContext.Model.CreatePredictionEngine<Asked, Found>(loaded).Predict(new() { Caption = Query });

        Assert.Equal(Search().Select(match => match.Image), found.SearchResults);
    }

    [Fact]
    public void A_file_that_is_no_index_stays_as_it_is()
    {
        File.WriteAllText(_index, "older");

        ProgramResult indexed = Index("--model", _files.Checkpoint), searched = HimoProgram.Run("search", _index, Query);

        Assert.Equal((1, 1), (indexed.ExitCode, searched.ExitCode));
        Assert.All([indexed, searched], result => Assert.Contains($"'{_index}': expected an index", result.Errors, StringComparison.Ordinal));
        Assert.Equal("older", File.ReadAllText(_index));
    }

    [Fact]
    public void A_first_index_needs_a_model_and_a_search_an_index_or_a_model_with_images()
    {
        (string[] Arguments, string Expected)[] wrong =
        [
            (["index", _photos, "--output", _index], "Expected --model, since there is no index"),
            (["search", Query], "Option '--model' is required without an index"),
            (["search", _index, Query, "--images", _photos], "Expected no --images with an index"),
        ];
        foreach ((string[] arguments, string expected) in wrong)
        {
            ProgramResult result = HimoProgram.Run(arguments);

            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
        }

        Assert.False(File.Exists(_index));
    }

    private sealed class Asked
    {
        public string Caption { get; set; } = "";
    }

    private sealed class Found
    {
        public string[] SearchResults { get; set; } = [];
    }
}
