using System.Text.Json;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.OldModels;

/// <summary>
/// Model zips of earlier formats load and give the numbers that the version which wrote them gave. Both hold random weights and
/// a vocabulary of sixteen merges: 1.1 a vision transformer, 1.2 a ResNet with a threshold, followed by an image search.
/// </summary>
public sealed class OldModelsTests
{
    private static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "OldModels");

    /// <summary>What a zip gave for the four images with these captions.</summary>
    private sealed record Expected(
        string[] Caption, float[][] ImageEmbedding, float[][] TextEmbedding, float[][] Probability, uint[] Answer,
        float[]? Similarity, string[][]? SearchResults, float[][]? SearchScores);

    private static Expected Read(string name) => JsonSerializer.Deserialize<Expected>(File.ReadAllText(Path.Combine(s_folder, name + ".json")))!;

    private static IDataView Score(string name, Expected expected)
    {
        var mlContext = new MLContext();
        ITransformer model = mlContext.Model.Load(Path.Combine(s_folder, name + ".zip"), out _);
        return model.Transform(mlContext.Data.LoadFromEnumerable(
            expected.Caption.Select((caption, i) => new { ImagePath = Path.Combine(s_folder, $"{i}.png"), Caption = caption }).ToArray()));
    }

    private static void Close(float[][] expected, IEnumerable<float[]> actual) =>
        Assert.All(expected.Zip(actual), pair => Composition.TinyModel.Close(pair.First, pair.Second));

    [Theory]
    [InlineData("format-1.1")]
    [InlineData("format-1.2")]
    public void A_model_of_an_earlier_format_gives_what_it_gave(string name)
    {
        Expected expected = Read(name);

        IDataView scored = Score(name, expected);

        Close(expected.ImageEmbedding, scored.GetColumn<float[]>("ImageEmbedding"));
        Close(expected.TextEmbedding, scored.GetColumn<float[]>("TextEmbedding"));
        Close(expected.Probability, scored.GetColumn<float[]>("Probability"));
        Assert.Equal(expected.Answer, scored.GetColumn<uint>("Answer"));
        VBuffer<ReadOnlyMemory<char>> labels = default;
        scored.Schema["Answer"].GetKeyValues(ref labels);
        Assert.Equal(["red", "green", "blue"], labels.DenseValues().Select(label => label.ToString()));
    }

    [Fact]
    public void An_image_search_of_the_first_format_finds_what_it_found()
    {
        Expected expected = Read("format-1.2");

        IDataView scored = Score("format-1.2", expected);

        Composition.TinyModel.Close(expected.Similarity!, [.. scored.GetColumn<float>("Similarity")]);
        Assert.Equal(expected.SearchResults!, scored.GetColumn<string[]>("SearchResults"));
        Close(expected.SearchScores!, scored.GetColumn<float[]>("SearchScores"));
    }
}
