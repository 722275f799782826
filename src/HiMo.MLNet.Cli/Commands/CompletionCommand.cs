using System.CommandLine;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Scripts that let a shell complete what is typed, by asking this program what may stand there.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # himo's commands and options at the Tab key, files where it knows none: eval "$(himo completion bash)" in ~/.bashrc
        _himo() {
          local line="${COMP_LINE:0:COMP_POINT}" found
          found=$(himo "[suggest:${#line}]" "$line" 2> /dev/null)
          COMPREPLY=($(compgen -W "$found" -- "${COMP_WORDS[COMP_CWORD]}"))
        }
        complete -o default -F _himo himo
        """;

    private const string Zsh = """
        # himo's commands and options at the Tab key, files where it knows none: eval "$(himo completion zsh)" in ~/.zshrc after compinit
        _himo() {
          local line="${BUFFER[1,CURSOR]}"
          local -a found
          found=(${(f)"$(himo "[suggest:${#line}]" "$line" 2> /dev/null)"})
          compadd -a found || _files
        }
        compdef _himo himo
        """;

    private const string Fish = """
        # himo's commands and options at the Tab key: himo completion fish > ~/.config/fish/completions/himo.fish
        function __himo
          set -l line (commandline --cut-at-cursor | string collect)
          himo "[suggest:"(string length -- "$line")"]" "$line" 2> /dev/null | string match --regex '.+'
        end
        complete --command himo --arguments '(__himo)'
        """;

    private const string PowerShell = """
        # himo's commands and options at the Tab key: himo completion pwsh | Out-String | Invoke-Expression in $PROFILE
        Register-ArgumentCompleter -Native -CommandName himo -ScriptBlock {
          param($word, $line, $position)
          $typed = "$line".PadRight($position).Substring(0, $position)
          himo "[suggest:$position]" $typed 2> $null | Where-Object { $_ -and $_.StartsWith($word) } | ForEach-Object {
            [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
          }
        }
        """;

    public static Command Create()
    {
        Argument<string> shell = new("SHELL") { Description = "The shell to complete in.", HelpName = "bash|zsh|fish|pwsh" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish", "pwsh");
        Command command = new("completion",
            "Write a script that completes commands and options at the Tab key; its first line says where it goes.\n"
            + "Example: himo completion bash") { shell };
        command.SetAction(args => Console.Out.Write(Script(args.GetRequiredValue(shell)).ReplaceLineEndings("\n") + "\n"));
        return command;
    }

    private static string Script(string shell) => shell switch
    {
        "bash" => Bash,
        "zsh" => Zsh,
        "fish" => Fish,
        _ => PowerShell,
    };
}
