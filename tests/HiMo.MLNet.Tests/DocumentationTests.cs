using System.Diagnostics;
using System.Text.RegularExpressions;
using HiMo.MLNet.Tests.Samples;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace HiMo.MLNet.Tests;

/// <summary>What README.md and docs show: code that compiles, commands and options that exist, links that lead somewhere.</summary>
public sealed partial class DocumentationTests
{
    // What examples may speak of without saying where it comes from; one that declares such a name itself does without.
    private static readonly (string Name, string Type)[] s_known =
    [
        ("mlContext", "MLContext"), ("data", "IDataView"), ("images", "IDataView"), ("train", "IDataView"), ("test", "IDataView"),
        ("held", "IDataView"), ("model", "HiMoClipTransformer"), ("longClip", "HiMoClipTransformer"), ("mine", "HiMoClipTransformer"),
        ("labels", "string[]"), ("path", "string"), ("schema", "DataViewSchema"), ("clip", "ClipEmbedder"),
        ("services", "IServiceCollection"),
    ];

    private const string Usings = """
        global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;
        global using System.Threading; global using System.Threading.Tasks; global using HiMo.MLNet; global using HiMo.MLNet.Evaluation;
        global using HiMo.MLNet.Objectives; global using Microsoft.ML; global using Microsoft.ML.Data;
        global using Microsoft.ML.OnnxRuntime; global using Microsoft.Extensions.AI; global using Microsoft.Extensions.DependencyInjection;
        global using TorchSharp; global using Tensor = TorchSharp.torch.Tensor;
        """;

    private const string Row = """
        class Row
        {
            [LoadColumn(0)] public string ImagePath { get; set; }
            [LoadColumn(1)] public string Caption { get; set; }
            [LoadColumn(2)] public string Label { get; set; }
        }
        """;

    private static readonly MetadataReference[] s_references =
    [
        .. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Select(assembly => MetadataReference.CreateFromFile(assembly)),
    ];

    [GeneratedRegex("^```(?<language>\\w+)\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks { get; }

    [GeneratedRegex(@"\]\((?<target>[^)#\s]*)(#(?<heading>[^)]*))?\)")]
    private static partial Regex Links { get; }

    [GeneratedRegex(@"(?<![\w/])(\./)?himo (?<verb>[a-z-]+)(?<rest>[^`\n]*)")]
    private static partial Regex Commands { get; }

    // A line of a block, or the first cell of a row: a whole command, which a sentence need not have.
    [GeneratedRegex(@"^(\| `)?(\./)?himo (?<verb>[a-z-]+)(?<rest> [^`\n#]+)", RegexOptions.Multiline)]
    private static partial Regex WholeCommands { get; }

    [GeneratedRegex("""
        "(?<word>[^"]*)"|'(?<word>[^']*)'|(?<word>\S+)
        """)]
    private static partial Regex Words { get; }

    [GeneratedRegex(@"(?<=\s)--[a-z][a-z-]*")]
    private static partial Regex Options { get; }

    private static IEnumerable<(string File, string Text)> Pages() =>
        Directory.EnumerateFiles(Path.Combine(BuiltProgram.Root, "docs"), "*.md").Prepend(Path.Combine(BuiltProgram.Root, "README.md"))
            .Select(file => (Path.GetRelativePath(BuiltProgram.Root, file), File.ReadAllText(file).ReplaceLineEndings("\n")));

    public static TheoryData<string, int> Examples()
    {
        TheoryData<string, int> examples = [];
        foreach ((string file, string text) in Pages())
        {
            foreach (Match block in Blocks.Matches(text).Where(block => block.Groups["language"].Value == "csharp"))
            {
                examples.Add(file, 1 + text.AsSpan(0, block.Groups["text"].Index).Count('\n'));
            }
        }

        return examples;
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Code_compiles(string file, int line)
    {
        string text = Pages().Single(page => page.File == file).Text;
        string code = Blocks.Matches(text).Single(block => 1 + text.AsSpan(0, block.Groups["text"].Index).Count('\n') == line)
            .Groups["text"].Value;

        AssertNone(Compile(code).GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString()));
    }

    public static TheoryData<string> Programs() =>
        [.. Directory.EnumerateFiles(Path.Combine(BuiltProgram.Root, "docs", "programs"), "*.cs").Select(file => Path.GetFileName(file)!)];

    [Theory]
    [MemberData(nameof(Programs))]
    public void A_program_of_one_file_compiles(string file)
    {
        string[] lines = File.ReadAllLines(Path.Combine(BuiltProgram.Root, "docs", "programs", file));
        // Those are for 'dotnet run'.
        string code = string.Join('\n', lines.Where(line => !line.StartsWith("#:", StringComparison.Ordinal) && !line.StartsWith("#!", StringComparison.Ordinal))
            .SkipWhile(line => line.StartsWith("//", StringComparison.Ordinal) || line.Length == 0));

        AssertNone(Compile(code).GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString()));
    }

    /// <summary>An example of README.md as a program.</summary>
    /// <param name="start">What it starts with.</param>
    /// <param name="path">Where the program goes.</param>
    internal static void CompileExample(string start, string path)
    {
        string code = Blocks.Matches(Pages().First().Text).Select(block => block.Groups["text"].Value)
            .Single(text => text.StartsWith(start, StringComparison.Ordinal));
        AssertNone(Compile(code).Emit(path).Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Select(d => d.ToString()));
    }

    private static CSharpCompilation Compile(string code)
    {
        string[] lines = code.Split('\n');
        int usings = lines.TakeWhile(l => l.Length == 0 || (l.StartsWith("using ", StringComparison.Ordinal) && !l.Contains('='))).Count();
        IEnumerable<string> known = s_known.Where(k => Regex.IsMatch(code, $@"\b{k.Name}\b")
                && !Regex.IsMatch(code, $@"\b(?!return|new|in|await)[\w>?\]]+ {k.Name}( =|,|\)| in )"))
            .Select(k => $"{k.Type} {k.Name} = Standing.Of<{k.Type}>();");
        string program = string.Join('\n', [.. lines[..usings], .. known, "_ = 0;", .. lines[usings..]]);
        string types = "static class Standing { public static T Of<T>() => default; }\n"
            + (Regex.IsMatch(code, @"\bclass Row\b") ? "" : Row);

        var options = new CSharpParseOptions(LanguageVersion.Latest);
        return CSharpCompilation.Create("example",
            [CSharpSyntaxTree.ParseText(Usings, options), CSharpSyntaxTree.ParseText(program, options), CSharpSyntaxTree.ParseText(types, options)],
            s_references,
            new(OutputKind.ConsoleApplication));
    }

    [Fact]
    public void Commands_and_their_options_exist()
    {
        string script = File.ReadAllText(Path.Combine(BuiltProgram.Root, "himo"));
        Dictionary<string, string> help = [];
        List<string> wrong = [];
        foreach ((string file, string text) in Pages())
        {
            foreach (Match command in Commands.Matches(text))
            {
                string verb = command.Groups["verb"].Value;
                if (!help.TryGetValue(verb, out string? known))
                {
                    help.Add(verb, known = script.Contains($"  {verb})", StringComparison.Ordinal) ? script : Help(verb));
                }

                IEnumerable<string> missing = known.Length == 0 ? [verb] : known == script ? []
                    : Options.Matches(command.Groups["rest"].Value).Select(option => option.Value)
                        .Where(option => !known.Contains(option, StringComparison.Ordinal));
                wrong.AddRange(missing.Select(word => $"{file}: {command.Value.Trim()}: there is no {word}"));
            }
        }

        AssertNone(wrong);
        Assert.True(help.Count > 10, $"Only {string.Join(", ", help.Keys)} were found.");
    }

    [Fact]
    public void Commands_are_understood_as_they_stand()
    {
        string script = File.ReadAllText(Path.Combine(BuiltProgram.Root, "himo"));
        var commands = Pages().SelectMany(page => WholeCommands.Matches(page.Text))
            .Where(command => !script.Contains($"  {command.Groups["verb"].Value})", StringComparison.Ordinal))
            .DistinctBy(command => command.Value).ToList();

        AssertNone(commands.Where(command => !Programs([
                "[diagram]", command.Groups["verb"].Value, .. Words.Matches(command.Groups["rest"].Value).Select(word => word.Groups["word"].Value)
            ]).Any(result => result.ExitCode == 0)).Select(command => command.Value));
        Assert.True(commands.Count > 20, $"Only {commands.Count} were found.");
    }

    /// <summary>What a command says of itself; empty if there is none.</summary>
    // Of a command that it does not know, a program shows its own help.
    private static string Help(string verb) => Programs(verb, "--help")
        .FirstOrDefault(result => result.ExitCode == 0 && result.Output.Contains($"  himo {verb} ", StringComparison.Ordinal))?.Output ?? "";

    /// <summary>The command line and then the samples, which know different commands.</summary>
    private static IEnumerable<ProgramResult> Programs(params string[] arguments)
    {
        foreach ((string folder, string program) in ((string, string)[])
            [("src/HiMo.MLNet.Cli", "himo.dll"), ("src/HiMo.MLNet.Samples", "himo-samples.dll")])
        {
            using Process process = BuiltProgram.Start(folder, program, BuiltProgram.Root, arguments);
            yield return ProgramResult.Of(process);
        }
    }

    [Fact]
    public void Links_lead_to_files()
    {
        AssertNone(
            from page in Pages()
            from Match link in Links.Matches(page.Text)
            let target = link.Groups["target"].Value
            where !target.Contains("://", StringComparison.Ordinal)
            let path = Path.Combine(BuiltProgram.Root, target.Length == 0 ? page.File : Path.Combine(Path.GetDirectoryName(page.File)!, target))
            let heading = link.Groups["heading"].Value
            where !(File.Exists(path) || Directory.Exists(path)) || (heading.Length > 0 && !Anchors(path).Contains(heading))
            select $"{page.File}: {target} {heading}");
    }

    /// <summary>What headings are called in addresses: small letters, digits and hyphens.</summary>
    private static IEnumerable<string> Anchors(string page) => File.ReadLines(page)
        .Where(line => line.StartsWith('#'))
        .Select(line => Regex.Replace(line.TrimStart('#', ' ').ToLowerInvariant(), @"[^\p{L}\p{N} _-]", "").Replace(' ', '-'));

    private static void AssertNone(IEnumerable<string> wrong) => Assert.Equal("", string.Join(Environment.NewLine, wrong));
}
