using System.CommandLine;
using System.Globalization;
using System.Text;
using HiMo.MLNet.Cli;
using HiMo.MLNet.Samples.Commands;

// Numbers look the same on every machine.
CultureInfo.CurrentCulture = CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;
Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

RootCommand root = new("HiMo-CLIP in ML.NET, on the sample drawings.")
{
    QuickstartCommand.Create(),
    SampleCommand.Create(),
    ScenesCommand.Create(),
    ReproduceCommand.Create(),
    QuickstartCommand.CreateClassifySamples(),
};
root.HelpName = "himo";
root.Add(new DiagramDirective());                                             // himo "[diagram]" …: how the arguments are understood
return await root.Parse(args).RunAsync();
