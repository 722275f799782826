using System.CommandLine;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Reproduction;

namespace HiMo.MLNet.Samples.Commands;

/// <summary>The tables of docs/reproduction.md: see <see cref="PaperReproduction"/>.</summary>
internal static class ReproduceCommand
{
    public static Command Create()
    {
        Option<bool> quick = new("--quick") { Description = "Two seeds and few variants: under ten minutes on two cores." };
        Option<string> folder = CommandOption.Of("--folder", "FOLDER",
            "Where models, results and tables go; one with results goes on with its plan.json.", "himo-reproduction");
        Command command = new("reproduce",
            "Test the paper's claims on scenes: pretrain, stretch, fine-tune with every objective, measure. Hours, and each run once: "
            + "interrupted, it goes on where it was.\n"
            + "Example: himo reproduce --quick --folder himo-reproduction") { quick, folder };
        command.SetWork((args, cancellation) =>
        {
            string path = Directory.CreateDirectory(args.GetRequiredValue(folder)).FullName;
            ReproductionPlan plan = (args.GetValue(quick) ? ReproductionPlan.Quick : ReproductionPlan.Full).OrThatOf(path);
            IReadOnlyList<ReproductionRun> runs = new PaperReproduction(path, plan, cancellation).Run();
            string tables = Path.Combine(path, "reproduction.md");
            File.WriteAllText(tables, new ReproductionTables(plan, runs).Write());
            Console.WriteLine(tables);
        });
        return command;
    }
}
