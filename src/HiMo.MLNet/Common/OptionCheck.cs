namespace HiMo.MLNet;

/// <summary>Checks the values of options.</summary>
internal static class OptionCheck
{
    /// <exception cref="ArgumentOutOfRangeException">The condition does not hold; the message names the option, what was expected and what
    /// was found.</exception>
    public static void Require(bool condition, string type, string name, object? found, string expected)
    {
        if (!condition)
        {
            throw new ArgumentOutOfRangeException($"{type}.{name}", found, $"{type}.{name} must be {expected}; it is {found ?? "null"}.");
        }
    }
}
