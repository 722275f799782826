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

    /// <summary>One that must be given.</summary>
    /// <inheritdoc cref="Of{T}(string, string, string, T, string[])"/>
    public static Option<T> Required<T>(string name, string value, string description, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = value, Required = true };

    /// <param name="name">Its name, with the dashes.</param>
    /// <param name="value">What stands for its value in the help.</param>
    /// <param name="description">What it says.</param>
    /// <param name="standard">Its value where it is not given.</param>
    /// <param name="aliases">Other names.</param>
    public static Option<T> Of<T>(string name, string value, string description, T standard, params string[] aliases) =>
        new(name, aliases) { Description = description, HelpName = value, DefaultValueFactory = _ => standard };
}
