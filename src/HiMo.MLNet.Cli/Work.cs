using System.CommandLine;
using System.CommandLine.Invocation;
using System.Text.Json;

namespace HiMo.MLNet.Cli;

/// <summary>What a command was told to do makes no sense, in a way that the parser could not see.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>
/// Runs the work of a command. Exit codes: 0 fine, 1 the work failed, 2 usage, 130 cancelled. What goes wrong by the user's
/// hand is one line on the standard error; a stack trace there is a bug of this program.
/// </summary>
internal static class Work
{
    private const int Failed = 1, Usage = 2, Cancelled = 130;

    /// <summary>How long Ctrl+C waits for a training step or a batch to end.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <param name="command">The command.</param>
    /// <param name="work">Writes its result to the standard output; stops when the token says so.</param>
    public static void SetWork(this Command command, Action<ParseResult, CancellationToken> work) =>
        // On another thread, or Ctrl+C would not be listened to before the work is done.
        command.SetAction((parsed, cancellation) => Task.Run(() => Run(() => work(parsed, cancellation)), CancellationToken.None));

    /// <summary>Runs the command that was found, or says what is wrong with the arguments.</summary>
    public static async Task<int> RunAsync(this ParseResult parsed)
    {
        if (parsed.Action is not ParseErrorAction wrong)
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = s_patience });
        }
        // Not the standard output: what reads it expects a result.
        wrong.ShowHelp = parsed.Tokens.Count == 0;
        await parsed.InvokeAsync(new() { Output = Console.Error });
        if (parsed.CommandResult.Command is { } command and not RootCommand)
        {
            Console.Error.WriteLine($"'himo {command.Name} --help' tells more.");
        }

        return Usage;
    }

    private static int Run(Action work)
    {
        try
        {
            work();
            return 0;
        }
        catch (Exception e)
        {
            Exception cause = Cause(e);
            (int code, string? message) = cause switch
            {
                OperationCanceledException => (Cancelled, "cancelled"),
                UsageException => (Usage, cause.Message),
                // The library names its options as properties, the user knows them as options.
                ArgumentException { ParamName: { } name } when name.StartsWith(nameof(HiMoClipOptions), StringComparison.Ordinal) =>
                    (Usage, cause.Message.Replace(name, "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(name[(nameof(HiMoClipOptions).Length + 1)..]), StringComparison.Ordinal)),
                IOException or UnauthorizedAccessException or InvalidDataException or FormatException or ArgumentException or InvalidOperationException
                    or NotSupportedException or System.Runtime.InteropServices.ExternalException => (Failed, cause.Message),
                _ => (Failed, null),
            };
            Console.Error.WriteLine(message is null ? e.ToString() : "himo: " + OneLine(message));
            return code;
        }
    }

    // ML.NET's writers work on threads of their own and wrap what happens there.
    private static Exception Cause(Exception e) =>
        e is AggregateException or InvalidOperationException && e.InnerException is { } inner and (AggregateException or InvalidOperationException or IOException or FormatException or OperationCanceledException)
            ? Cause(inner) : e;

    private static string OneLine(string message)
    {
        string line = message.ReplaceLineEndings("\n").Split('\n')[0];
        int parameter = line.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return parameter < 0 ? line : line[..parameter];
    }
}
