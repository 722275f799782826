using System.Diagnostics;

namespace HiMo.MLNet.Tests.Samples;

/// <summary>What the shells offer at the Tab key.</summary>
public sealed class CompletionTests
{
    [Theory]
    [InlineData("himo se", "search")]
    [InlineData("himo search --im", "--images")]
    [InlineData("himo export --to ", "huggingface", "mlnet", "onnx", "safetensors")]
    [InlineData("himo export --to s", "safetensors")]
    [InlineData("himo train --objective sm", "smart-clip")]
    [InlineData("himo search --model ")]
    [InlineData("himo embed --output ")]
    public void What_may_stand_there_is_suggested(string line, params string[] expected)
    {
        ProgramResult suggested = HimoProgram.Run($"[suggest:{line.Length}]", line);

        Assert.Equal((0, ""), (suggested.ExitCode, suggested.Errors));
        string word = line[(line.LastIndexOf(' ') + 1)..];
        Assert.Equal(expected, suggested.Output.Split().Where(s => s.Length > 0 && s.StartsWith(word, StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("bash", "complete -o default -F _himo himo")]
    [InlineData("zsh", "compdef _himo himo")]
    [InlineData("fish", "complete --command himo")]
    [InlineData("pwsh", "Register-ArgumentCompleter -Native -CommandName himo")]
    public void A_script_registers_with_its_shell_and_says_where_it_goes(string shell, string registration)
    {
        ProgramResult script = HimoProgram.Run("completion", shell);

        Assert.Equal((0, ""), (script.ExitCode, script.Errors));
        Assert.Contains(registration, script.Output, StringComparison.Ordinal);
        Assert.Contains($"himo completion {shell}", script.Output.Split('\n')[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Bash_completes_with_the_script()
    {
        if (OperatingSystem.IsWindows())
        {
            return;                                                           // there is no bash
        }

        string script = HimoProgram.Run("completion", "bash").Output;
        string program = Path.Combine(BuiltProgram.Root, "src", "HiMo.MLNet.Cli", "bin",
            Path.GetRelativePath(Path.Combine(BuiltProgram.Root, "tests", "HiMo.MLNet.Tests", "bin"), AppContext.BaseDirectory), "himo.dll");
        // What the shell does at the Tab key after 'himo classify --te', with more to the right of the cursor.
        string typed = $$"""
            himo() { dotnet '{{program}}' "$@"; }
            {{script}}
            COMP_LINE='himo classify --te photos' COMP_POINT=18 COMP_WORDS=(himo classify --te photos) COMP_CWORD=2
            _himo
            echo "${COMPREPLY[@]}"
            """;
        using Process bash = Process.Start(new ProcessStartInfo("bash", ["-c", typed]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

        Assert.Equal(new ProgramResult(0, "--template\n", ""), ProgramResult.Of(bash));
    }
}
