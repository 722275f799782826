using System.Diagnostics;
using System.Reflection;
using System.Text.RegularExpressions;
using HiMo.MLNet.Modeling;
using HiMo.MLNet.Tests.Samples;
using TorchSharp;

namespace HiMo.MLNet.Tests.Modeling;

/// <summary>No number reaches native code in an object that a garbage collection may free in the meantime.</summary>
public sealed class NumbersTests
{
    [Fact]
    public void Only_Arithmetic_makes_scalars()
    {
        ILookup<Type, string> found = ScalarCalls.Of(typeof(ClipModel).Assembly).ToLookup(f => f.Caller, f => f.Call);

        // What is not found could not be missed.
        Assert.Contains(found[typeof(Arithmetic)], call => call.Contains("Times", StringComparison.Ordinal));
        Assert.Empty(found.Where(calls => calls.Key != typeof(Arithmetic)).SelectMany(calls => calls));
    }

    [Fact]
    public void Scalars_inside_TorchSharp_are_found()
    {
        string[] found = [.. ScalarCalls.Of(typeof(NumbersTests).Assembly).Where(f => f.Caller == typeof(Unsafe)).Select(f => f.Call)];

        Assert.Contains(found, call => call.Contains("Sum → Tensor.op_Addition → Tensor.add", StringComparison.Ordinal));
        Assert.Contains(found, call => call.Contains("Square → Tensor.square", StringComparison.Ordinal));
        Assert.Contains(found, call => call.Contains("Half → op_Implicit", StringComparison.Ordinal));
        Assert.Equal(3, found.Length);
    }

    private static class Unsafe
    {
        public static torch.Tensor Sum(torch.Tensor a) => a + a;

        public static torch.Tensor Square(torch.Tensor a) => a.square();

        public static torch.Tensor Half(torch.Tensor a) => a.mul(0.5);

        // Not this one.
        public static torch.Tensor Product(torch.Tensor a) => a * a;
    }

    [Fact]
    public void A_tensor_times_a_number_does_not_build()
    {
        string[] refused =
        [
            "tensor * 2.0", "tensor + tensor", "1 - tensor", "tensor.mul(2)", "tensor.square()", "tensor.fill_(0.5f)", "(double)tensor", "torch.arange(3)",
            "torch.nn.init.zeros_(tensor)", "torch.nn.Linear(3, 4)", "torch.nn.functional.leaky_relu(tensor, 0.1)", "torch.nn.utils.clip_grad_norm_([], 1)",
        ];
        string[] accepted = ["tensor * tensor", "tensor.matmul(tensor)", "torch.nn.functional.relu(tensor)"];

        int[] lines = [.. Compile([.. refused, .. accepted])];

        Assert.Equal(Enumerable.Range(0, refused.Length), lines);
    }

    // Compiles expressions with the library's list of banned symbols; returns the numbers of those that it refuses.
    private static IEnumerable<int> Compile(string[] expressions)
    {
        using var folder = new TemporaryFolder();
        string source = folder.Write("Expressions.cs", System.Text.Encoding.UTF8.GetBytes(
            "using TorchSharp; static class Expressions {\n"
            + string.Concat(expressions.Select((e, i) => $"static object E{i}(torch.Tensor tensor) => {e};\n")) + "}"));
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string[] arguments =
        [
            "-target:library", $"-out:{Path.ChangeExtension(source, "dll")}", "-warnaserror:RS0030", "-nologo", source,
            $"-additionalfile:{Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet", "BannedSymbols.txt")}",
            .. Directory.EnumerateFiles(Metadata("BannedApiAnalyzers"), "*.dll").Select(analyzer => $"-analyzer:{analyzer}"),
            .. Directory.EnumerateFiles(runtime, "System.*.dll").Where(f => !f.Contains(".Native.", StringComparison.Ordinal)).Select(f => $"-reference:{f}"),
            $"-reference:{typeof(torch).Assembly.Location}",
        ];
        string response = folder.Write("arguments.rsp", System.Text.Encoding.UTF8.GetBytes(string.Join('\n', arguments.Select(a => $"\"{a}\""))));
        using Process compiler = Process.Start(new ProcessStartInfo("dotnet", [Metadata("Compiler"), "-noconfig", $"@{response}"]) { RedirectStandardOutput = true })!;
        string output = compiler.StandardOutput.ReadToEnd();
        compiler.WaitForExit();
        Assert.DoesNotContain("error CS", output, StringComparison.Ordinal);
        return Regex.Matches(output, @"Expressions\.cs\((\d+),\d+\): error RS0030").Select(m => int.Parse(m.Groups[1].Value) - 2).Distinct().Order();
    }

    // What the build of the tests knows.
    private static string Metadata(string name) =>
        typeof(NumbersTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == name).Value!;
}
