using System.Text.Json;

namespace HiMo.MLNet.Data;

/// <summary>Fields of JSON rows, with errors that say where they were expected.</summary>
internal static class JsonFields
{
    /// <summary>Streams a file with one JSON object a line; each is valid until the next is asked for. Empty lines are passed
    /// over.</summary>
    public static IEnumerable<(JsonElement Row, SourceLocation Source)> ReadLines(string path)
    {
        foreach ((string line, SourceLocation source) in TextRows.ReadLines(path))
        {
            if (!string.IsNullOrWhiteSpace(line))
            {
                using JsonDocument document = Parse(line, source);
                yield return (document.RootElement, source);
            }
        }
    }

    public static JsonElement Get(this JsonElement row, string name, JsonValueKind kind, SourceLocation source)
    {
        if (row.ValueKind != JsonValueKind.Object)
        {
            throw source.Error($"expected an object with '{name}', found {row.ValueKind}.");
        }

        JsonElement value;
        try
        {
            if (!row.TryGetProperty(name, out value))
            {
                IEnumerable<string> found = row.EnumerateObject().Take(10).Select(p => p.Name.Quoted());
                throw source.Error($"expected a property '{name}', found {string.Join(", ", found)}.");
            }
        }
        catch (InvalidOperationException error)
        {
            throw source.Error("the name of a property is not valid Unicode.", error);
        }

        return value.ValueKind == kind ? value : throw source.Error($"expected '{name}' to be {kind}, found {value.ValueKind}.");
    }

    public static string GetText(this JsonElement row, string name, SourceLocation source) =>
        row.Get(name, JsonValueKind.String, source).ToText(name, source);

    public static long GetId(this JsonElement row, string name, SourceLocation source) =>
        row.Get(name, JsonValueKind.Number, source).TryGetInt64(out long id) ? id
            : throw source.Error($"expected '{name}' to be a whole number.");

    public static string ToText(this JsonElement value, string name, SourceLocation source)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            throw source.Error($"expected {name} to be String, found {value.ValueKind}.");
        }

        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw source.Error($"{name} is not valid Unicode.", error);
        }
    }

    private static JsonDocument Parse(string line, SourceLocation source)
    {
        try
        {
            return JsonDocument.Parse(line);
        }
        catch (Exception error) when (error is JsonException or ArgumentException)
        {
            throw source.Error($"expected a JSON object. {error.Message}", error);
        }
    }
}
