using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace HiMo.MLNet.Cli;

/// <summary>Results as JSON, one line each.</summary>
internal static class Json
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Option<bool> Option { get; } = new("--json") { Description = "Write JSON." };

    public static string Line(object value) => JsonSerializer.Serialize(value, s_options);

    /// <summary>Writes an array to the standard output, an element a line, each as it comes.</summary>
    public static void WriteArray(IEnumerable<object> values)
    {
        string before = "[";
        foreach (object value in values)
        {
            Console.WriteLine(before + Line(value));
            before = ",";
        }

        Console.WriteLine(before == "[" ? "[]" : "]");
    }
}
