using System.CommandLine;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Search;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>Searches what <c>himo embed</c> wrote into a folder, in database engines.</summary>
internal static class SearchPartsCommand
{
    private const int Results = 10;

    private static readonly Argument<string> s_parts = new("PARTS") { Description = "The folder that himo embed wrote." };
    private static readonly Argument<string> s_model = new("MODEL") { Description = "The model that it embedded with." };
    private static readonly Argument<string> s_query = new("TEXT") { Description = "What to search for." };

    public static Command CreateParquet()
    {
        Command command = new("search-parquet",
            "Search a folder of Parquet files in place, by DuckDB; src/HiMo.MLNet.Samples/Search/ParquetSearch.cs.\n"
            + "Example: himo sample search-parquet parts longclip-B.pt \"a red boat on a lake\"") { s_parts, s_model, s_query };
        command.SetWork((args, _) =>
        {
            using ParquetSearch search = new(args.GetRequiredValue(s_parts));
            Show(search.Find(Embed(args, search), Results));
        });
        return command;
    }

    public static Command CreatePostgres()
    {
        Argument<string> connection = new("CONNECTION") { Description = "The database: \"Host=localhost;Username=me;Database=photos\"." };
        Command command = new("search-postgres",
            "Load a folder of Parquet files into PostgreSQL with pgvector, as the table himo_images, and search there; "
            + "src/HiMo.MLNet.Samples/Search/PostgresSearch.cs.\n"
            + "Example: himo sample search-postgres parts longclip-B.pt \"Host=localhost;Username=me;Database=photos\" \"a red boat\"")
        {
            s_parts, s_model, connection, s_query,
        };
        command.SetWork((args, _) =>
        {
            using ParquetSearch parts = new(args.GetRequiredValue(s_parts));
            float[] query = Embed(args, parts);
            using PostgresSearch search = new(args.GetRequiredValue(connection));
            Console.WriteLine($"{search.Load(parts.Rows(), parts.Dimension)} images loaded");
            search.Index();
            Show(search.Find(query, Results));
        });
        return command;
    }

    /// <exception cref="InvalidDataException">The files are of a model with other embeddings.</exception>
    private static float[] Embed(ParseResult args, ParquetSearch parts)
    {
        using var model = ClipEmbedder.Load(args.GetRequiredValue(s_model));
        return model.Dimension == parts.Dimension ? model.EmbedText(args.GetRequiredValue(s_query))
            : throw new InvalidDataException(
                $"'{args.GetRequiredValue(s_parts)}': expected embeddings of d = {model.Dimension}, as the model's are, "
                + $"found {parts.Count} of d = {parts.Dimension}.");
    }

    private static void Show(IEnumerable<(string Image, float Cosine)> found)
    {
        foreach ((string image, float cosine) in found)
        {
            Console.WriteLine($"{cosine:f4} {image}");
        }
    }
}
