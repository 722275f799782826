using System.CommandLine;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Zero-shot classification of pictures.</summary>
internal static class ClassifyCommand
{
    public static Command Create()
    {
        Argument<string[]> images = new("IMAGES") { Description = PictureList.Help, Arity = ArgumentArity.OneOrMore };
        Option<string?> labels = new("--labels")
        {
            Description = "Labels with commas between, or a file with a label a line. Default: those of a model saved with labels.",
            HelpName = "LABELS",
        };
        Option<string[]> templates = new("--template") { Description = "A text with {0} in the place of the label; several are averaged. Default: the bare label.", HelpName = "TEXT" };
        Option<int> top = Top("Labels to tell of each picture.", 3);
        Option<bool> json = Json.Option();
        Command command = new("classify",
            "Tell which of some labels pictures show, without training on them.\n"
            + "Example: himo classify --model longclip-B.pt --labels cat,dog --template \"a photo of a {0}.\" photos")
        {
            images, ModelFile.Option, labels, templates, top, ModelFile.Gpu, json,
        };
        command.SetWork((args, cancellation) =>
        {
            IReadOnlyList<string> pictures = PictureList.Find(args.GetRequiredValue(images));
            string[]? names = args.GetValue(labels) is { } given ? Labels(given) : null;
            using var model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(ModelFile.Gpu));
            if (names is null && model.Transformer.Labels.Count == 0)
            {
                throw new UsageException("Expected --labels, since this model was saved without labels.");
            }

            using HiMoClipTransformer? made = names is null ? null : model.Transformer.ForZeroShot(names, args.GetValue(templates) is { Length: > 0 } texts ? texts : null);
            HiMoClipTransformer classifier = made ?? model.Transformer;
            Answer[] answers = ProgressDisplay.Show($"classifying {pictures.Count}", report =>
                model.Transform(classifier, ModelFile.ImageColumn(classifier), pictures.Counted(report, cancellation)).GetColumn<float[]>(classifier.ScoreColumnName)
                    .Zip(pictures, (scores, picture) => new Answer(picture, Best(classifier.Labels, scores, args.GetValue(top)))).ToArray());
            Console.WriteLine(args.GetValue(json) ? Json.Line(answers) : string.Join(Environment.NewLine, answers.Select(Line)));
        });
        return command;
    }

    /// <summary>An option for how many of the best to tell.</summary>
    internal static Option<int> Top(string description, int standard) => new("--top")
    {
        Description = description,
        HelpName = "COUNT",
        DefaultValueFactory = _ => standard,
        CustomParser = result =>
        {
            if (!int.TryParse(result.Tokens[0].Value, out int count) || count < 1)
            {
                result.AddError($"--top: expected a count of at least 1, found '{result.Tokens[0].Value}'.");
            }

            return count;
        },
    };

    private sealed record Answer(string Image, Guess[] Labels);

    private sealed record Guess(string Label, float Probability);

    private static Guess[] Best(IReadOnlyList<string> labels, float[] scores, int count) =>
        [.. labels.Zip(scores, (label, probability) => new Guess(label, probability)).OrderByDescending(guess => guess.Probability).Take(count)];

    private static string Line(Answer answer) =>
        $"{answer.Image}: {string.Join(", ", answer.Labels.Select(guess => $"{guess.Label} {100 * guess.Probability:f1} %"))}";

    // What ends in .txt is meant as a file even where there is none.
    private static string[] Labels(string given) =>
        File.Exists(given) || given.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)
            ? [.. File.ReadAllLines(given).Select(line => line.Trim()).Where(line => line.Length > 0)]
            : given.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
