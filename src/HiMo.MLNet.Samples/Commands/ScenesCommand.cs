using System.CommandLine;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Scenes;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>Scenes as files: docs/scenes.md.</summary>
internal static class ScenesCommand
{
    public static Command Create()
    {
        Option<string> output = CommandOption.Required<string>("--output", "FOLDER", "Where images and captions go.", "-o");
        // There are about 10,000 compositions of each, and the last ones would be long in coming.
        const int MostDistinct = 5000;
        Option<int> count = CommandOption.Of("--count", "COUNT", "How many scenes.", 2000).Within(1);
        Option<int> seed = CommandOption.Of("--seed", "NUMBER", "The same one makes the same scenes.", 1);
        Option<int> size = CommandOption.Of("--size", "PIXELS", "The side of the images.", 96).Within(32, 1024);
        Option<SceneSplit> split = new("--split")
        {
            Description = "What they are for: splits share no composition, and test scenes no drawing with the others.",
            DefaultValueFactory = _ => SceneSplit.Train,
        };
        Command command = new("scenes",
            "Make scenes of several objects with long captions that are true of them: a data set to train and measure on.\n"
            + "Example: himo scenes --output scenes --count 2000 --seed 1 --split Test")
            { output, count, seed, split, size };
        command.Validators.Add(result =>
        {
            // Null where an option is not given.
            if (result.GetResult(split)?.GetValueOrDefault<SceneSplit>() is SceneSplit.Validation or SceneSplit.Test
                && result.GetResult(count)?.GetValueOrDefault<int>() > MostDistinct)
            {
                result.AddError($"Expected a --count of at most {MostDistinct}: scenes for validation or the test are all different.");
            }
        });
        command.SetWork((args, cancellation) => ProgressDisplay.Show("drawing", report =>
        {
            SceneSplit wanted = args.GetValue(split);
            int total = args.GetValue(count);
            // Of those that train, a composition may come again with other colours and places.
            IEnumerable<Scene> scenes = Scene.Sequence(args.GetValue(seed), wanted, distinct: wanted != SceneSplit.Train).Take(total);
            SceneFiles.Write(args.GetRequiredValue(output), scenes.Index().Select(s =>
            {
                report(s.Index, total);
                return s.Item;
            }), SceneRenderer.Load(SceneData.Drawings), args.GetValue(size), cancellation);
        }));
        return command;
    }
}
