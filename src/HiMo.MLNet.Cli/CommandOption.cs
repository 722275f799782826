using System.CommandLine;

namespace HiMo.MLNet.Cli;

/// <summary>Options as the help shows them.</summary>
internal static class CommandOption
{
    /// <param name="name">Its name, with the dashes.</param>
    /// <param name="value">What stands for its value in the help.</param>
    /// <param name="description">What it says.</param>
    public static Option<T> Of<T>(string name, string value, string description) =>
        new(name) { Description = description, HelpName = value };

    /// <param name="name">Its name, with the dashes.</param>
    /// <param name="value">What stands for its value in the help.</param>
    /// <param name="description">What it says.</param>
    /// <param name="standard">Its value where it is not given.</param>
    public static Option<T> Of<T>(string name, string value, string description, T standard)
    {
        Option<T> option = Of<T>(name, value, description);
        option.DefaultValueFactory = _ => standard;
        return option;
    }
}
