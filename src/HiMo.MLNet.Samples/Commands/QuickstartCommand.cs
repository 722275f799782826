using System.CommandLine;
using HiMo.MLNet.Cli;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>The demo: see <see cref="Quickstart"/>.</summary>
internal static class QuickstartCommand
{
    public static Command Create()
    {
        Option<int> epochs = CommandOption.Of("--epochs", "COUNT", "Passes over the drawings.", 40);
        Option<int?> drawings = CommandOption.Of<int?>("--drawings", "COUNT",
            "Use only so many drawings, for a quick look. Default: all 2,048, and 682 to measure.");
        Option<string> output = CommandOption.Of("--output", "FOLDER", "Where the model and the report go.", "himo-demo", "-o");
        Command command = new("quickstart",
            "Train on the sample drawings, measure, save, and load in another process: about five minutes.\n"
            + "Example: himo quickstart --epochs 10") { epochs, drawings, output };
        command.SetWork((args, cancellation) =>
            Quickstart.Run(args.GetRequiredValue(output), args.GetValue(epochs), args.GetValue(drawings), cancellation));
        return command;
    }

    /// <summary>The other process.</summary>
    public static Command CreateClassifySamples()
    {
        Argument<string> zip = new("ZIP") { Description = "The model that quickstart saved." };
        Command command = new("classify-samples", "Classify sample drawings.") { zip };
        command.Hidden = true;
        command.SetWork((args, _) => Quickstart.Classify(args.GetRequiredValue(zip)));
        return command;
    }
}
