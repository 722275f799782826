using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using HiMo.MLNet.Text;

namespace HiMo.MLNet.Tests.Text;

/// <summary>
/// Every stage against the original's, run in Python with the real ftfy: <c>tests/regenerate/text.py</c> makes the file.
/// </summary>
public sealed class TextGoldenTests
{
    private sealed record Case(string Kind, string Text, string Repaired, string Clean, int[] Ids);

    private static readonly Case[] s_cases = Read();

    [Fact]
    public void Holds_850_strings() => Assert.Equal(850, s_cases.Length);

    public static TheoryData<string> Kinds => [.. s_cases.Select(golden => golden.Kind).Distinct()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Repairs_text_as_the_original_does(string kind) => Assert.All(Of(kind), golden =>
    {
        var repair = new TextRepair();
        Assert.Equal(golden.Repaired, string.Concat(Lines(golden.Text).Select(repair.Line)));
    });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Cleans_text_as_the_original_does(string kind) => Assert.All(Of(kind), golden =>
        Assert.Equal(golden.Clean, string.Join(' ', ClipText.Clean(golden.Text).Where(piece => piece.Length > 0))));

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Gives_the_ids_of_the_original(string kind) => Assert.All(Of(kind), golden =>
    {
        Assert.Equal(golden.Ids, ClipTokenizer.Default.Encode(golden.Text));

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

    private static Case[] Read()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(GoldenFile.PathOf("text.expected.json")));
        return [.. golden.RootElement.EnumerateArray().Select(golden => new Case(
            golden.GetProperty("kind").GetString()!,
            golden.TryGetProperty("text", out JsonElement text) ? text.GetString()! : FromUnits(golden.GetProperty("utf16").GetString()!),
            golden.GetProperty("repaired").GetString()!,
            golden.GetProperty("clean").GetString()!,
            [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]))];
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
