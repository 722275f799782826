using System.Globalization;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>The folder of an embedding job, searched by database engines.</summary>
public sealed class SearchPartsTests : IClassFixture<SearchPartsTests.Parts>
{
    private const string Query = "Two colours. The top is red.";

    private readonly Parts _parts;

    public SearchPartsTests(Parts parts) => _parts = parts;

    /// <summary>Sixteen images, embedded into a folder, with one that could not be read.</summary>
    public sealed class Parts : IDisposable
    {
        private readonly ToyImages _images = new();

        public Parts()
        {
            Checkpoint = _images.Checkpoint();
            Folder = Path.Combine(_images.Folder, "parts");
            string[] paths = [.. _images.Rows.Select(row => row.ImagePath)];
            File.WriteAllText(Path.Combine(_images.Folder, "broken.png"), "not an image");
            HimoProgram.Run(["embed", "--model", Checkpoint, "--images", .. paths, Path.Combine(_images.Folder, "broken.png"), "--output", Folder, "--rows-per-file", "6"]);
            using var model = ClipEmbedder.Load(Checkpoint);
            float[] query = model.EmbedText(Query);
            Expected = [.. paths.Select(path => (path, ClipEmbedder.Similarity(query, model.EmbedImage(path)))).OrderByDescending(found => found.Item2).Take(10)];
        }

        public string Checkpoint { get; }

        public string Folder { get; }

        public (string Image, float Cosine)[] Expected { get; }

        public void Dispose() => _images.Dispose();
    }

    private void AssertFound(ProgramResult result, int skip)
    {
        Assert.Equal((0, ""), (result.ExitCode, result.Errors));
        string[] lines = result.Output.ReplaceLineEndings("\n").TrimEnd().Split('\n')[skip..];
        string[][] fields = [.. lines.Select(line => line.Split(' ', 2))];
        Assert.Equal(_parts.Expected.Select(found => found.Image), fields.Select(field => field[1]));
        Assert.All(fields.Zip(_parts.Expected), pair => Assert.Equal(pair.Second.Cosine, float.Parse(pair.First[0], CultureInfo.InvariantCulture), 1e-3));
    }

    [Fact]
    public void DuckDB_finds_in_place_what_this_library_finds() =>
        AssertFound(SamplesProgram.Run("sample", "search-parquet", _parts.Folder, _parts.Checkpoint, Query), skip: 0);

    [FactWithPGlite]
    public void PostgreSQL_finds_what_this_library_finds()
    {
        using PGliteServer server = new();

        ProgramResult result = SamplesProgram.Run("sample", "search-postgres", _parts.Folder, _parts.Checkpoint, server.Connection, Query);

        Assert.StartsWith("16 images loaded", result.Output, StringComparison.Ordinal);
        AssertFound(result, skip: 1);
    }
}
