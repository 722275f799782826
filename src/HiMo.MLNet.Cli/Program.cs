using System.CommandLine;
using System.Globalization;
using System.Text;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Cli.Commands;

// Numbers look the same on every machine, and 0.001 is not read as 1 on some.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

RootCommand root = new("CLIP models that understand long captions, in ML.NET: inspect, apply, train, measure and export them.")
{
    DownloadCommand.Create(),
    InspectCommand.Create(),
    EmbedCommand.Create(),
    ClassifyCommand.Create(),
    SearchCommand.Create(),
    IndexCommand.Create(),
    TrainCommand.Create(),
    EvalCommand.Create(),
    ExportCommand.Create(),
    CompletionCommand.Create(),
};
root.HelpName = "himo";
root.Add(new DiagramDirective());                                             // himo "[diagram]" …: how the arguments are understood
return await root.Parse(args).RunAsync();
