using System.CommandLine;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Image search by a sentence.</summary>
internal static class SearchCommand
{
    public static Command Create()
    {
        Argument<string> query = new("QUERY") { Description = "What the images should show; long descriptions are welcome." };
        Option<string[]> images = CommandOption.Required<string[]>("--images", "IMAGES", ImageList.Help);
        Option<int> top = ClassifyCommand.Top("Images to tell.", 5);
        Command command = new("search",
            "Find the images that match a description best.\n"
            + "Example: himo search --model longclip-B.pt --images photos \"a red boat on a lake, mountains behind\"")
        {
            query, ModelFile.Option, images, top, Context.Gpu, Json.Option,
        };
        command.SetWork((args, cancellation) =>
        {
            IReadOnlyList<string> paths = ImageList.Find(args.GetRequiredValue(images));
            using ClipEmbedder model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(Context.Gpu));
            float[] text = model.EmbedText(args.GetRequiredValue(query));
            var embedded = new ScoredImages(paths, model);
            Match[] best = ProgressDisplay.Show($"embedding {paths.Count}", report => embedded.Read(report, cancellation)
                .Where(image => image.Values is not null)
                .Select(image => new Match(image.Image, ClipEmbedder.Similarity(image.Values, text)))
                .OrderByDescending(match => match.Cosine).Take(args.GetValue(top)).ToArray());
            int exitCode = embedded.Finish();
            if (args.GetValue(Json.Option))
            {
                Json.WriteArray([.. best, .. embedded.Skipped.Select(skipped => new { Image = skipped.Key, Error = skipped.Value })]);
            }
            else
            {
                Console.WriteLine(string.Join(Environment.NewLine, best.Select(match => $"{match.Cosine:f4}  {match.Image}")));
            }

            return exitCode;
        });
        return command;
    }

    private sealed record Match(string Image, float Cosine);
}
