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

    /// <summary>Refuses other numbers. (A command's own validators see options that are not given without their standard value.)</summary>
    /// <param name="option">A number.</param>
    /// <param name="least">The least that it may be.</param>
    /// <param name="most">The most.</param>
    public static Option<int> Within(this Option<int> option, int least, int most = int.MaxValue)
    {
        option.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is int found && (found < least || found > most))
            {
                string range = most == int.MaxValue ? $"at least {least}" : $"{least} to {most}";
                result.AddError($"{option.Name}: expected {range}, found {found}.");
            }
        });
        return option;
    }
}
