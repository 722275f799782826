using System.Text.RegularExpressions;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests;

/// <summary>What no analyzer holds: lines that fit beside each other on a screen, methods that fit on one.</summary>
public sealed partial class StyleTests
{
    private const int LineLength = 140, MethodLines = 60;

    private static IEnumerable<(string Path, string[] Lines)> Sources()
    {
        string src = Path.Combine(BuiltProgram.Root, "src");
        return Directory.EnumerateFiles(src, "*.cs", SearchOption.AllDirectories)
            .Where(path => !Path.GetRelativePath(src, path).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
            .Select(path => (Path.GetRelativePath(src, path), File.ReadAllLines(path)));
    }

    [Fact]
    public void No_line_is_longer_than_140_characters()
    {
        string[] found = [.. Sources().SelectMany(source => source.Lines.Index()
            .Where(line => line.Item.Length > LineLength).Select(line => $"{source.Path}, line {line.Index + 1}: {line.Item.Length}"))];

        Assert.True(found.Length == 0, string.Join('\n', found));
    }

    [Fact]
    public void No_method_is_longer_than_60_lines()
    {
        List<string> found = [];
        foreach ((string path, string[] lines) in Sources())
        {
            // Members of types in a file, and of types in those: their braces stand in columns 4 and 8.
            foreach (string indent in (string[])["    ", "        "])
            {
                for (int open = Array.IndexOf(lines, indent + "{"); open >= 0; open = Array.IndexOf(lines, indent + "{", open + 1))
                {
                    string head = lines[..open].Last(line => line.StartsWith(indent, StringComparison.Ordinal) && line[indent.Length] != ' ');
                    int length = Array.FindIndex(lines, open, line => line.StartsWith(indent + "}", StringComparison.Ordinal)) - open - 1;
                    if (length > MethodLines && !TypeDeclaration().IsMatch(head))
                    {
                        found.Add($"{path}, line {open + 1}: {length} lines of '{head.Trim()}'");
                    }
                }
            }
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [GeneratedRegex(@"\b(class|record|struct|interface|enum)\b")]
    private static partial Regex TypeDeclaration();
}
