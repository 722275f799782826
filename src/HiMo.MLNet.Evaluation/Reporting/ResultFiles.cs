using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace HiMo.MLNet.Reporting;

/// <summary>Results for other programs.</summary>
internal static class ResultFiles
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new NotANumberIsNull(), new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    /// <summary>Public properties of the metrics, and the tables with published figures.</summary>
    public static string Json(IReadOnlyList<HiMoClipMetrics> metrics, IReadOnlyList<HiMoClipTable> tables) =>
        JsonSerializer.Serialize(new { results = metrics, tables }, s_json);

    /// <summary>One line a figure: data, model, source, metric, value.</summary>
    public static string Csv(IReadOnlyList<HiMoClipTable> tables)
    {
        var lines = new StringBuilder("data,model,source,group,metric,value\n");
        foreach (HiMoClipTable table in tables)
        {
            foreach (HiMoClipTableRow row in table.Rows)
            {
                foreach ((HiMoClipTableColumn column, double? value) in table.Columns.Zip(row.Values).Where(cell => cell.Second.HasValue))
                {
                    string[] fields = [table.Title, row.Name, row.Source.ToString().ToLowerInvariant(), column.Group, column.Name,
                        value!.Value.ToString("r", CultureInfo.InvariantCulture)];
                    lines.AppendJoin(',', fields.Select(field => Quoting.Field(field, ",\"\n\r"))).Append('\n');
                }
            }
        }

        return lines.ToString();
    }

    private sealed class NotANumberIsNull : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.Null ? double.NaN : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
            {
                writer.WriteNumberValue(value);
            }
            else
            {
                writer.WriteNullValue();
            }
        }
    }
}
