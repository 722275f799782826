using System.CommandLine;
using HiMo.MLNet.Cli;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>The console side of <see cref="SceneSample"/>.</summary>
internal static class SceneSampleCommand
{
    public static Command Create()
    {
        Option<int> count = CommandOption.Of("--scenes", "COUNT", "How many scenes to train on.", 8192).Within(1);
        Option<string> output = CommandOption.Of("--output", "FOLDER", "Where the model and the test scenes go.", "himo-sample", "-o");
        Command command = new("scenes",
            "Training on scenes with long captions, and how the similarity changes sentence by sentence; src/HiMo.MLNet.Samples/"
            + "SceneSample.cs.\n"
            + "Example: himo sample scenes --scenes 16384") { count, output };
        command.SetWork((args, cancellation) => SceneSample.Run(args.GetRequiredValue(output), args.GetValue(count), cancellation));
        return command;
    }
}
