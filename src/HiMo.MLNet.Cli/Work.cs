using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;

namespace HiMo.MLNet.Cli;

/// <summary>
/// Runs the work of a command. Exit codes: 0 fine, 1 the work failed, 2 usage, 3 done but for images that could not be read,
/// 130 cancelled. What goes wrong is one line on the standard error; a stack trace there is a bug of this program.
/// </summary>
internal static class Work
{
    /// <summary>How long Ctrl+C waits for a training step or a batch to end.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <param name="command">The command.</param>
    /// <param name="work">Writes its result to the standard output; stops when the token says so.</param>
    public static void SetWork(this Command command, Action<ParseResult, CancellationToken> work) => command.SetWork((args, cancellation) =>
    {
        work(args, cancellation);
        return 0;
    });

    /// <param name="command">The command.</param>
    /// <param name="work">Writes its result to the standard output; stops when the token says so; returns the exit code.</param>
    public static void SetWork(this Command command, Func<ParseResult, CancellationToken, int> work)
    {
        command.Options.Add(ProgressDisplay.Interval);
        // On another thread, or Ctrl+C would not be listened to before the work is done.
        command.SetAction((args, cancellation) => Task.Run(() => Run(() =>
        {
            ProgressDisplay.SetInterval(args);
            return work(args, cancellation);
        }), CancellationToken.None));
    }

    /// <summary>Runs the command that was found, or says what is wrong with the arguments.</summary>
    public static async Task<int> RunAsync(this ParseResult parsed)
    {
        // On a thread that nobody waits for, an error would end the process with a dump.
        AppDomain.CurrentDomain.UnhandledException += (_, unhandled) => Environment.Exit(Tell((Exception)unhandled.ExceptionObject));
        if (parsed.Action is not ParseErrorAction wrong)
        {
            return await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = s_patience });
        }

        // Not the standard output: what reads it expects a result.
        wrong.ShowHelp = parsed.Tokens.Count == 0;
        await parsed.InvokeAsync(new() { Output = Console.Error });
        string command = PathOf(parsed.CommandResult);
        if (command.Length > 0)
        {
            Console.Error.WriteLine($"'himo{command} --help' tells more.");
        }

        return Failure.Usage;
    }

    // " sample scenes"
    private static string PathOf(SymbolResult? result) =>
        result is CommandResult { Command: not RootCommand } command ? $"{PathOf(command.Parent)} {command.Command.Name}" : "";

    private static int Run(Func<int> work)
    {
        try
        {
            return work();
        }
        catch (Exception e)
        {
            return Tell(e);
        }
    }

    private static int Tell(Exception e)
    {
        var failure = Failure.Of(e);
        Console.Error.WriteLine(failure.Text);
        return failure.ExitCode;
    }
}
