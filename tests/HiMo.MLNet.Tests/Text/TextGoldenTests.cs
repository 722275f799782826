using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

/// <summary>
/// Every stage against the original's, run in Python with the real ftfy: <c>tests/regenerate/text.py</c> makes the file.
/// </summary>
[Trait("Category", "Fidelity")]
public sealed class TextGoldenTests
{
    private sealed record Case(string Kind, string Text, string Repaired, string Clean, int[] Ids);

    private static readonly Case[] s_cases = Read();

    [Fact]
    public void Holds_850_strings() => Assert.Equal(850, s_cases.Count(golden => golden.Kind != "random"));

    public static TheoryData<string> Kinds => [.. s_cases.Select(golden => golden.Kind).Distinct()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Repairs_text_as_the_original_does(string kind) => Assert.All(Of(kind), golden =>
    {
        var repair = new TextRepair();
        string repaired = string.Concat(Lines(golden.Text).Select(repair.Line));
        Fidelity.Record("text: repair", 1, repaired == golden.Repaired);
        Assert.Equal(golden.Repaired, repaired);
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Cleans_text_as_the_original_does(string kind) => Assert.All(Of(kind), golden =>
    {
        string clean = string.Join(' ', ClipText.Clean(golden.Text).Where(piece => piece.Length > 0));
        Fidelity.Record("text: unescaping, folding, lower case", 1, clean == golden.Clean);
        Assert.Equal(golden.Clean, clean);
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gives_the_ids_of_the_original(string kind) => Assert.All(Of(kind), golden =>
    {
        IReadOnlyList<int> ids = ClipTokenizer.Default.Encode(golden.Text);
        Fidelity.Record("text: words and token ids", golden.Ids.Length, ids.SequenceEqual(golden.Ids));
        Assert.Equal(golden.Ids, ids);

        long[] row = new long[248];
        int used = ClipTokenizer.Default.Encode(golden.Text, row);
        Assert.Equal(golden.Ids.Take(246).Select(id => (long)id), row[1..(used - 1)]);
    });

    private static IEnumerable<Case> Of(string kind) => s_cases.Where(golden => golden.Kind == kind);

    private static IEnumerable<string> Lines(string text)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            int feed = text.IndexOf('\n', start);
            end = feed < 0 ? text.Length : feed + 1;
            yield return text[start..end];
        }
    }

    // One case a line. HIMO_TEXT_CASES may name a file with more: what text.py writes with --fuzz or --characters.
    private static Case[] Read() =>
    [
        .. File.ReadLines(GoldenFile.PathOf("text.expected.json")).Where(line => line.Length > 1).Select(line => Parse(line.TrimEnd(','))),
        .. Environment.GetEnvironmentVariable("HIMO_TEXT_CASES") is { Length: > 0 } more ? File.ReadLines(more).Select(Parse) : [],
    ];

    private static Case Parse(string line)
    {
        using var golden = JsonDocument.Parse(line);
        JsonElement root = golden.RootElement;
        return new Case(
            root.GetProperty("kind").GetString()!,
            root.TryGetProperty("text", out JsonElement text) ? text.GetString()! : FromUnits(root.GetProperty("utf16").GetString()!),
            root.GetProperty("repaired").GetString()!,
            root.GetProperty("clean").GetString()!,
            [.. root.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);
    }

    // Strings with halves of surrogate pairs, which no JSON reader lets through.
    private static string FromUnits(string hexadecimal)
    {
        var text = new StringBuilder();
        byte[] bytes = Convert.FromHexString(hexadecimal);
        for (int i = 0; i < bytes.Length; i += 2)
        {
            text.Append((char)BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(i)));
        }

        return text.ToString();
    }
}
