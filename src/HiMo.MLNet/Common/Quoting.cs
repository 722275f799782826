namespace HiMo.MLNet;

/// <summary>Text in quotes: for messages, and for tables.</summary>
internal static class Quoting
{
    /// <summary>Text from a file for use in a message: quoted, shortened, without control characters.</summary>
    public static string Quoted(this string text)
    {
        const int longest = 120;
        string shown = text.Length > longest ? string.Concat(text.AsSpan(0, longest), "…") : text;
        return $"'{string.Concat(shown.Select(c => char.IsControl(c) ? '?' : c))}'";
    }

    /// <summary>A field of a table, in quotes where it holds one of the characters that have a meaning there.</summary>
    public static string Field(string text, string special) =>
        text.AsSpan().ContainsAny(special) ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
}
