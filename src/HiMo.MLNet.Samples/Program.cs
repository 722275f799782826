using HiMo.MLNet.Samples;

switch (args)
{
    case ["quickstart", .. var rest]:
        return Quickstart.Run(rest is ["--epochs", var n] ? int.Parse(n, System.Globalization.CultureInfo.InvariantCulture) : 65);
    case ["classify-samples", var zip]:
        return Quickstart.Classify(zip);
    default:
        Console.Error.WriteLine("usage: himo-samples quickstart [--epochs N]");
        return 2;
}
