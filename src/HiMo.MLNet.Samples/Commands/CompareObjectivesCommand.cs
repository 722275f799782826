using System.CommandLine;
using HiMo.MLNet.Cli;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>The table of docs/training.md: see <see cref="ObjectiveComparison"/>.</summary>
internal static class CompareObjectivesCommand
{
    public static Command Create()
    {
        Option<int> epochs = CommandOption.Of("--epochs", "COUNT", "Passes over the drawings.", 16);
        Option<int> seeds = CommandOption.Of("--seeds", "COUNT", "Trainings of each objective.", 3);
        Command command = new("compare-objectives",
            "Train on the sample drawings with each objective, several times, and compare: about twenty minutes.\n"
            + "Example: himo compare-objectives --epochs 16 --seeds 3") { epochs, seeds };
        command.SetWork((args, cancellation) => ObjectiveComparison.Run(args.GetValue(epochs), args.GetValue(seeds), cancellation));
        return command;
    }
}
