using System.CommandLine;
using System.Text.Json.Serialization;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Zero-shot classification of images.</summary>
internal static class ClassifyCommand
{
    public static Command Create()
    {
        Argument<string[]> images = new("IMAGES") { Description = ImageList.Help, Arity = ArgumentArity.OneOrMore };
        Option<string?> labels = CommandOption.Of<string?>("--labels", "LABELS",
            "Labels with commas between, or a file with a label a line. Default: those of a model saved with labels.");
        Option<string[]> templates = CommandOption.Of<string[]>("--template", "TEXT",
            "A text with {0} in the place of the label; several are averaged. Default: the bare label.");
        Option<int> top = Top("Labels to tell of each image.", 3);
        Command command = new("classify",
            "Tell which of some labels images show, without training on them.\n"
            + "Example: himo classify --model longclip-B.pt --labels cat,dog --template \"a photo of a {0}.\" photos")
        {
            images, ModelFile.Option, labels, templates, top, Context.Gpu, Json.Option,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(templates) is not null && result.GetResult(labels) is null)
            {
                result.AddError("Expected --labels with --template: the labels of a model were saved with the templates that they have.");
            }
        });
        command.SetWork((args, cancellation) =>
        {
            string[]? names = args.GetValue(labels) is { } given ? Labels(given) : null;
            string[]? texts = args.GetValue(templates) is { Length: > 0 } some ? some : null;
            IReadOnlyList<string> paths = ImageList.Find(args.GetRequiredValue(images));
            using ClipEmbedder model = ModelFile.Open(args.GetRequiredValue(ModelFile.Option), args.GetValue(Context.Gpu));
            ClipClassifier classifier = (names is null ? model.SavedClassifier : model.CreateClassifier(names, texts))
                ?? throw new UsageException("Expected --labels, since this model was saved without labels.");
            return Classify(model, classifier, paths, args.GetValue(top), args.GetValue(Json.Option), cancellation);
        });
        return command;
    }

    private static int Classify(
        ClipEmbedder model, ClipClassifier classifier, IReadOnlyList<string> images, int top, bool json, CancellationToken cancellation)
    {
        var scored = new ScoredImages(images, model, embedding => [.. classifier.Classify(embedding).Probabilities]);
        ProgressDisplay.ShowWithResults($"classifying {images.Count}", "images", report =>
        {
            IEnumerable<Answer> answers = scored.Read(report, cancellation)
                .Select(image => new Answer(image.Image, image.Values is { } scores ? Best(classifier.Labels, scores, top) : null,
                    image.Error));
            if (json)
            {
                Json.WriteArray(answers);
                return;
            }

            foreach (Answer answer in answers.Where(answer => answer.Labels is not null))
            {
                IEnumerable<string> guesses = answer.Labels!.Select(guess => $"{guess.Label} {100 * guess.Probability:f1} %");
                Console.WriteLine($"{answer.Image}: {string.Join(", ", guesses)}");
            }
        });
        return scored.Finish();
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

    private sealed record Answer(
        string Image,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Guess[]? Labels,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Error);

    private sealed record Guess(string Label, float Probability);

    private static Guess[] Best(IReadOnlyList<string> labels, float[] scores, int count) =>
        [.. labels.Zip(scores, (label, probability) => new Guess(label, probability)).OrderByDescending(guess => guess.Probability)
            .Take(count)];

    // What ends in .txt is meant as a file even where there is none.
    private static string[] Labels(string given) =>
        File.Exists(given) || given.EndsWith(".txt", StringComparison.OrdinalIgnoreCase)
            ? [.. File.ReadAllLines(given).Select(line => line.Trim()).Where(line => line.Length > 0)]
            : given.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
