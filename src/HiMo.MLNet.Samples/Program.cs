using System.CommandLine;
using System.Globalization;
using System.Text;
using HiMo.MLNet.Samples;
using HiMo.MLNet.Samples.Commands;

// Numbers look the same on every machine, and 0.001 is not read as 1 on some.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

RootCommand root = new("CLIP models that understand long captions, in ML.NET: inspect, apply and train them.")
{
    InspectCommand.Create(),
    EmbedCommand.Create(),
    ClassifyCommand.Create(),
    SearchCommand.Create(),
    TrainCommand.Create(),
    EvalCommand.Create(),
    QuickstartCommand.Create(),
    CompareObjectivesCommand.Create(),
    SampleCommand.Create(),
    QuickstartCommand.CreateClassifySamples(),
};
root.HelpName = "himo";
return await root.Parse(args).RunAsync();
