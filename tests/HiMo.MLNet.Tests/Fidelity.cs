using System.Globalization;

namespace HiMo.MLNet.Tests;

/// <summary>
/// How far the comparisons with the original's numbers were, stage by stage. <c>./himo fidelity</c> names a file in HIMO_FIDELITY and
/// prints the table that is in it after the tests.
/// </summary>
internal static class Fidelity
{
    private static readonly string? s_file = Environment.GetEnvironmentVariable("HIMO_FIDELITY");

    private static readonly SortedDictionary<string, (long Values, double Largest, string Unit)> s_stages = new(StringComparer.Ordinal);

    // The way of the data.
    private static readonly string[] s_groups =
        ["text", "images", "networks", "objectives", "gradients", "optimizer", "schedule", "metrics"];

    /// <summary>Of what is either the same or not: strings, ids.</summary>
    public static void Record(string stage, long values, bool same) => Record(stage, values, same ? 0 : double.PositiveInfinity, "");

    /// <param name="stage">What was compared: one of the groups, a colon, which.</param>
    /// <param name="values">How many numbers, strings or bytes.</param>
    /// <param name="difference">The largest difference among them.</param>
    /// <param name="unit">Of the difference.</param>
    public static void Record(string stage, long values, double difference, string unit)
    {
        if (s_file is null)
        {
            return;
        }

        lock (s_stages)
        {
            (long Values, double Largest, string Unit) before = s_stages.GetValueOrDefault(stage);
            s_stages[stage] = (before.Values + values, Math.Max(before.Largest, difference), unit);
            File.WriteAllLines(s_file, [
                "| stage | values | largest difference |",
                "| --- | --- | --- |",
                .. s_stages.OrderBy(s => Array.IndexOf(s_groups, s.Key.Split(':')[0])).Select(s => string.Create(
                    CultureInfo.InvariantCulture, $"| {s.Key} | {s.Value.Values:n0} | {Text(s.Value.Largest, s.Value.Unit)} |"))]);
        }
    }

    private static string Text(double difference, string unit) => difference switch
    {
        0 => "none",
        double.PositiveInfinity => "SOME DIFFER",
        _ => string.Create(CultureInfo.InvariantCulture, $"{difference:g2} {unit}"),
    };
}
