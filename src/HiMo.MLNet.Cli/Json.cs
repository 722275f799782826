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

    public static Option<bool> Option() => new("--json") { Description = "Write JSON." };

    public static string Line(object value) => JsonSerializer.Serialize(value, s_options);
}
