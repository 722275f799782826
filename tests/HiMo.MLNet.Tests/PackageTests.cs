using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;
using HiMo.MLNet.Tests.Samples;

namespace HiMo.MLNet.Tests;

/// <summary>The NuGet package, made of what was built with the tests.</summary>
public sealed class PackageTests
{
    [Fact]
    public void The_package_is_for_its_framework_alone_and_declares_what_it_uses()
    {
        string folder = Directory.CreateTempSubdirectory("himo-package").FullName;
        string configuration = Path.GetFileName(Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory)))!;
        var start = new ProcessStartInfo("dotnet",
            ["pack", Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet"), "--no-build", "-c", configuration, "-o", folder, "-v", "q"])
        {
            RedirectStandardOutput = true,
        };
        using (Process pack = Process.Start(start)!)
        {
            string output = pack.StandardOutput.ReadToEnd();
            pack.WaitForExit();
            Assert.True(pack.ExitCode == 0, output);
        }

        using (ZipArchive package = ZipFile.OpenRead(Directory.GetFiles(folder, "*.nupkg").Single()))
        {
            // A folder for all frameworks would make it look compatible with every one.
            string[] assets = [.. package.Entries.Select(e => e.FullName).Where(name => name.Split('/')[0] is "lib" or "build" or "buildTransitive")];
            Assert.All(assets, name => Assert.Equal("net10.0", name.Split('/')[1]));
            Assert.Contains("buildTransitive/net10.0/HiMo.MLNet.targets", assets);
            using Stream nuspec = package.Entries.Single(e => e.Name == "HiMo.MLNet.nuspec").Open();
            Assert.Equal(
                [
                    "BitMiracle.LibJpeg.NET", "Microsoft.ML", "Microsoft.ML.ImageAnalytics", "Microsoft.ML.OnnxRuntime.Managed",
                    "Microsoft.ML.Tokenizers", "SkiaSharp", "System.Numerics.Tensors", "TorchSharp",
                ],
                XDocument.Load(nuspec).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value).Order(StringComparer.Ordinal));
        }

        Directory.Delete(folder, recursive: true);
    }
}
