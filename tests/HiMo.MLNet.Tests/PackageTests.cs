using System.Diagnostics;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests;

/// <summary>The NuGet packages, made of what was built with the tests.</summary>
public sealed class PackageTests(CommandLineTests.Files files) : IClassFixture<CommandLineTests.Files>, IDisposable
{
    private static readonly string s_configuration =
        Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;

    private readonly string _folder = Directory.CreateTempSubdirectory("himo-package").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_package_is_for_its_framework_alone_and_declares_what_it_uses()
    {
        using ZipArchive package = Pack("HiMo.MLNet");

        // A folder for all frameworks would make it look compatible with every one.
        string[] assets = [.. package.Entries.Select(e => e.FullName).Where(name => name.Split('/')[0] is "lib" or "build" or "buildTransitive")];
        Assert.All(assets, name => Assert.Equal("net10.0", name.Split('/')[1]));
        Assert.Contains("buildTransitive/net10.0/HiMo.MLNet.targets", assets);
        Assert.Equal(
            [
                "BitMiracle.LibJpeg.NET", "Microsoft.ML", "Microsoft.ML.ImageAnalytics", "Microsoft.ML.OnnxRuntime.Managed",
                "Microsoft.ML.Tokenizers", "SkiaSharp", "System.Numerics.Tensors", "TorchSharp",
            ],
            Elements(package, ".nuspec", "dependency").Select(e => e.Attribute("id")!.Value).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("HiMo.MLNet")]
    [InlineData("HiMo.MLNet.Evaluation")]
    [InlineData("HiMo.MLNet.Extensions.AI")]
    public void A_package_has_a_readme_an_icon_the_licences_of_what_it_uses_and_symbols(string project)
    {
        using ZipArchive package = Pack(project);

        Assert.All((string[])["README.md", "icon.png", "licences.md"], name => Assert.NotNull(package.GetEntry(name)));
        using ZipArchive symbols = ZipFile.OpenRead(Directory.GetFiles(_folder, "*.snupkg", SearchOption.AllDirectories).Single());
        Assert.NotNull(symbols.GetEntry($"lib/net10.0/{project}.pdb"));
    }

    [Fact]
    public void The_licences_name_every_package_that_the_tool_brings()
    {
        string built = Path.GetRelativePath(Path.Combine(BuiltProgram.Root, "tests", "HiMo.MLNet.Tests", "bin"), AppContext.BaseDirectory);
        using var deps = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet.Cli", "bin", built, "himo.deps.json")));
        string licences = File.ReadAllText(Path.Combine(BuiltProgram.Root, "docs", "licences.md"));
        string[] brought = [.. deps.RootElement.GetProperty("libraries").EnumerateObject()
            .Where(library => library.Value.GetProperty("type").GetString() == "package").Select(library => library.Name.Split('/')[0])];

        Assert.True(brought.Length > 20);
        Assert.DoesNotContain(brought, name => !Regex.IsMatch(licences, $@"(\W){Regex.Escape(name)}(\W)") && !name.StartsWith("SkiaSharp.NativeAssets.", StringComparison.Ordinal));
    }

    [Fact]
    public void The_tool_installs_and_runs_in_an_empty_folder_with_torch_and_with_ONNX_Runtime()
    {
        string system = RuntimeInformation.RuntimeIdentifier, tools = Path.Combine(_folder, "tools"), model = Path.Combine(_folder, "model");
        // As 'dotnet pack' makes them after a build for every system: one that leads to the others, and this system's.
        using (ZipArchive leads = Pack("HiMo.MLNet.Cli", "-p:CreateRidSpecificToolPackages=false"))
        {
            Assert.Equal(
                ["HiMo.MLNet.Cli.linux-x64", "HiMo.MLNet.Cli.win-x64", "HiMo.MLNet.Cli.osx-arm64"],
                Elements(leads, "DotnetToolSettings.xml", "RuntimeIdentifierPackage").Select(e => e.Attribute("Id")!.Value));
        }

        using (ZipArchive holds = Pack("HiMo.MLNet.Cli", $"-p:RuntimeIdentifier={system}", "-p:AppendRuntimeIdentifierToOutputPath=false"))
        {
            Assert.All(holds.Entries, entry => Assert.DoesNotMatch(@"torch_python|_test|\.dbg$|\.dwarf$|HiMo.*\.xml$", entry.Name));
            Assert.Contains(holds.Entries, entry => entry.FullName.Contains($"/licences/libtorch-cpu-{system}/", StringComparison.Ordinal));
            Assert.Contains(holds.Entries, entry => entry.FullName.Contains("/licences/microsoft.ml.onnxruntime/ThirdPartyNotices.txt", StringComparison.Ordinal));
        }

        Run("dotnet", "tool", "install", "--tool-path", tools, "--add-source", _folder, "HiMo.MLNet.Cli");
        string himo = Path.Combine(tools, "himo"), image = files.Images[0];
        Run(himo, "export", files.Checkpoint, "--to", "onnx", "--output", model);
        string torch = Run(himo, "inspect", files.Checkpoint, "--image", image), onnx = Run(himo, "embed", "--model", model, "--images", image, "--output", "one.tsv");

        Assert.Contains("norm 1.0000", torch, StringComparison.Ordinal);
        Assert.StartsWith("one.tsv: 1 embeddings", onnx, StringComparison.Ordinal);
        string native = Directory.EnumerateFiles(tools, "libLibTorchSharp.so", SearchOption.AllDirectories).FirstOrDefault("");
        Assert.NotEqual("cf33b1b0bb6bbb9754a768fb5c5d04d9f498603be50e73f55621a0b40ee608b8", native.Length == 0 ? "" : Hash(native));
    }

    /// <summary>Packs a project of the repository.</summary>
    private ZipArchive Pack(string project, params string[] properties)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_folder, Path.GetRandomFileName())).FullName;
        Run("dotnet", ["pack", Path.Combine(BuiltProgram.Root, "src", project), "--no-build", "-c", s_configuration, "-o", folder, "-v", "q", .. properties]);
        string made = Directory.GetFiles(folder, "*.nupkg").Single(), package = Path.Combine(_folder, Path.GetFileName(made));
        File.Move(made, package);
        return ZipFile.OpenRead(package);
    }

    /// <summary>Runs a program in the folder of the packages.</summary>
    private string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        using Process process = Process.Start(start)!;
        var result = ProgramResult.Of(process);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {result.Output}{result.Errors}");
        return result.Output;
    }

    private static IEnumerable<XElement> Elements(ZipArchive package, string file, string name)
    {
        using Stream stream = package.Entries.Single(e => e.FullName.EndsWith(file, StringComparison.Ordinal)).Open();
        return XDocument.Load(stream).Descendants().Where(e => e.Name.LocalName == name);
    }

    private static string Hash(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }
}
