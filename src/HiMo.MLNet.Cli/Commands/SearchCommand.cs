using System.CommandLine;
using System.CommandLine.Parsing;
using HiMo.MLNet.Scoring;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Image search by a sentence.</summary>
internal static class SearchCommand
{
    public static Command Create()
    {
        Argument<string[]> words = new("[INDEX] QUERY")
        {
            Description = "An index of 'himo index' and what the images should show; or that alone, with --model and --images. Long "
                + "descriptions are welcome.",
            Arity = new(1, 2),
        };
        Option<string?> model = ModelFile.Optional(ModelFile.Help);
        Option<string[]?> images = CommandOption.Of<string[]?>("--images", "IMAGES", ImageList.Help);
        Option<int> top = ClassifyCommand.Top("Images to tell.", 5);
        Command command = new("search",
            "Find the images that match a description best, in an index or among images that are embedded now.\n"
            + "Example: himo search photos.zip \"a red boat on a lake, mountains behind\"\n"
            + "Example: himo search --model longclip-B.pt --images photos \"a red boat on a lake, mountains behind\"")
        {
            words, model, images, top, Context.Gpu, Json.Option,
        };
        command.Validators.Add(result => Check(result, words, model, images));
        command.SetWork((args, cancellation) =>
        {
            int count = args.GetValue(top);
            bool json = args.GetValue(Json.Option);
            if (args.GetRequiredValue(words) is [string index, string query])
            {
                Tell(InIndex(index, query, count, args.GetValue(Context.Gpu)), new Dictionary<string, string>(), json);
                return 0;
            }

            IReadOnlyList<string> paths = ImageList.Find(args.GetRequiredValue(images)!);
            using ClipEmbedder opened = ModelFile.Open(args.GetRequiredValue(model)!, args.GetValue(Context.Gpu));
            float[] text = opened.EmbedText(args.GetRequiredValue(words)[0]);
            var embedded = new ScoredImages(paths, opened);
            Match[] best = ProgressDisplay.Show($"embedding {paths.Count}", "images", report => embedded.Read(report, cancellation)
                .Where(image => image.Values is not null)
                .Select(image => new Match(image.Image, ClipEmbedder.Similarity(image.Values, text)))
                .OrderByDescending(match => match.Cosine).Take(count).ToArray());
            int exitCode = embedded.Finish();
            Tell(best, embedded.Skipped, json);
            return exitCode;
        });
        return command;
    }

    private static void Check(CommandResult result, Argument<string[]> words, Option<string?> model, Option<string[]?> images)
    {
        bool hasIndex = result.GetResult(words)?.Tokens.Count > 1;
        foreach (Option option in (Option[])[model, images])
        {
            bool given = result.GetResult(option) is not null;
            if (given == hasIndex)
            {
                result.AddError(given ? $"Expected no {option.Name} with an index, which has its own."
                    : $"Option '{option.Name}' is required without an index.");
            }
        }
    }

    private static Match[] InIndex(string path, string query, int count, bool gpu)
    {
        using var index = ImageSearchFile.Open(Context.Create(gpu), path);
        using ClipEmbedder model = index.Model.CreateEmbedder();
        ImageIndex images = index.Search.Images;
        int k = Math.Min(count, images.Count);
        var names = new ReadOnlyMemory<char>[k];
        float[] cosines = new float[k];
        images.Search([model.EmbedText(query)], k, names, cosines);
        return [.. names.Zip(cosines, (name, cosine) => new Match(name.ToString(), cosine))];
    }

    private static void Tell(IReadOnlyCollection<Match> best, IReadOnlyDictionary<string, string> skipped, bool json)
    {
        if (json)
        {
            Json.WriteArray([.. best, .. skipped.Select(one => new { Image = one.Key, Error = one.Value })]);
        }
        else
        {
            Console.WriteLine(string.Join(Environment.NewLine, best.Select(match => $"{match.Cosine:f4}  {match.Image}")));
        }
    }

    private sealed record Match(string Image, float Cosine);
}
