using System.Globalization;
using Xunit.Abstractions;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>
/// Damaged input is read or refused: no other exception, no crash, no hang, no tensor left behind, memory in bounds.
/// </summary>
/// <remarks>
/// HIMO_FUZZ_CASES sets how many cases of each kind are run, HIMO_FUZZ_FIRST the number of the first. A case that fails prints its
/// number, which makes the same case again.
/// </remarks>
public sealed class FuzzTests(ITestOutputHelper output)
{
    public static TheoryData<string> Groups => [.. FuzzKinds.Groups.Keys];

    [Theory]
    [MemberData(nameof(Groups))]
    public void Damaged_input_is_read_or_refused(string group)
    {
        string[] lines = SeparateProcess.Fuzz(group, Setting("HIMO_FUZZ_CASES", 2_000), Setting("HIMO_FUZZ_FIRST", 0), out int exitCode, out string errors);

        foreach (string line in lines.Where(line => line[0] == '='))
        {
            output.WriteLine(line);
        }

        string last = lines.LastOrDefault("nothing");
        Assert.True(exitCode == 0, $"exit code {exitCode} after: {string.Join('\n', lines.SkipWhile(line => line[0] != '!').DefaultIfEmpty(last))}\n{errors}");
        Assert.Contains(lines, line => line[0] == '=');
        Assert.All(lines.Where(line => line[0] == '='), line =>
        {
            // Damage too coarse or too gentle would show nothing.
            Assert.DoesNotContain(" 0 read", line);
            Assert.True(group == "captions" || !line.Contains(" 0 refused"), line);
        });
    }

    private static int Setting(string name, int value) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : value;
}
