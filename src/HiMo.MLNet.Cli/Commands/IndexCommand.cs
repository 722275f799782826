using System.CommandLine;
using Microsoft.ML;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Embeds images once, to be searched many times.</summary>
internal static class IndexCommand
{
    private static readonly Argument<string[]> s_images =
        new("IMAGES") { Description = ImageList.Help, Arity = ArgumentArity.OneOrMore };

    private static readonly Option<string?> s_model =
        ModelFile.Optional(ModelFile.Help + " Default: that of the index, where there is one; another model embeds all images again.");

    private static readonly Option<string> s_output = OutputFile.Option(
        "The index, an ML.NET model. One that is there is brought up to date: images that are new or changed are embedded, those that are "
        + "not among IMAGES any more go.", ".zip");

    public static Command Create()
    {
        Command command = new("index",
            "Embed images once, to be searched many times by 'himo search INDEX QUERY'; done again, it brings the index up to date.\n"
            + "Example: himo index photos --model longclip-B.pt --output photos.zip")
        {
            s_images, s_model, s_output, Context.Gpu, Json.Option,
        };
        command.SetWork(Run);
        return command;
    }

    private static int Run(ParseResult args, CancellationToken cancellation)
    {
        string output = args.GetRequiredValue(s_output);
        // Full paths, which mean the same wherever the index is searched.
        string[] paths = [.. ImageList.Find(args.GetRequiredValue(s_images)).Select(Path.GetFullPath).Distinct()];
        using FileStream held = OutputFile.Hold(output);
        MLContext mlContext = Context.Create(args.GetValue(Context.Gpu));
        using ImageSearchFile? older = File.Exists(output) ? ImageSearchFile.Open(mlContext, output) : null;
        using HiMoClipTransformer model = args.GetValue(s_model) is { } path ? ModelFile.Fit(mlContext, path) : older?.Model
            ?? throw new UsageException($"Expected --model, since there is no index '{output}' yet.");
        using ClipEmbedder embedder = model.CreateEmbedder();
        IEnumerable<IndexedImage> usable = older is not null && SameModel(older.Model, embedder) ? older.Images() : [];
        var update = new IndexUpdate(usable, older?.Search.Images.Names ?? [], paths);
        var embedded = new ScoredImages(update.ToEmbed, embedder);
        try
        {
            ProgressDisplay.Show($"embedding {update.ToEmbed.Count}", "images",
                report => update.Add(embedded.Read(report, cancellation)));
        }
        catch (OperationCanceledException) when (update.Added + update.Changed > 0 && (older is null || update.Kept > 0))
        {
            // An index of another model stays as it is until the new one is whole.
            WholeFile.Write(output, stream => ImageSearchFile.Save(mlContext, stream, model, update.Images));
            ProgressDisplay.Warn($"'{output}' holds {update.Images.Count} of {paths.Length} images; the same command goes on");
            throw;
        }

        int exitCode = embedded.Finish(update.Kept);
        if (update.IsChange)
        {
            WholeFile.Write(output, stream => ImageSearchFile.Save(mlContext, stream, model, update.Images));
        }

        Tell(output, update, embedded, args.GetValue(Json.Option));
        return exitCode;
    }

    private static bool SameModel(HiMoClipTransformer older, ClipEmbedder model)
    {
        using ClipEmbedder embedder = older.CreateEmbedder();
        return embedder.WeightsHash == model.WeightsHash;
    }

    private static void Tell(string output, IndexUpdate update, ScoredImages embedded, bool json)
    {
        if (json)
        {
            Console.WriteLine(Json.Line(new
            {
                Output = output,
                update.Images.Count,
                update.Added,
                update.Changed,
                update.Removed,
                update.Kept,
                Skipped = embedded.Skipped.Select(skipped => new { Image = skipped.Key, Error = skipped.Value }),
            }));
            return;
        }

        Console.WriteLine($"{output}: {update.Images.Count} images ({update.Added} new, {update.Changed} changed, {update.Removed} "
            + $"removed, {update.Kept} as they were)");
    }
}
