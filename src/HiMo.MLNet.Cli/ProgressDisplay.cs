using System.CommandLine;
using System.Diagnostics;
using Spectre.Console;

namespace HiMo.MLNet.Cli;

/// <summary>How far something is that takes long, on the standard error: a bar, or a line now and then where that is no terminal.</summary>
internal static class ProgressDisplay
{
    private static TimeSpan s_interval;
    private static IAnsiConsole? s_live;

    /// <summary>Moves the bar.</summary>
    /// <param name="done">Of <paramref name="total"/>.</param>
    /// <param name="total">What there is to do.</param>
    /// <param name="note">What stands beside the bar; null leaves it.</param>
    public delegate void Report(double done, double total, string? note = null);

    /// <summary>An option of every command.</summary>
    public static Option<double> Interval { get; } = new("--progress")
    {
        Description = "Seconds between lines of progress where the standard error is no terminal; 0 for none.",
        HelpName = "SECONDS",
        DefaultValueFactory = _ => 10,
    };

    public static void SetInterval(ParseResult args) => s_interval = TimeSpan.FromSeconds(Math.Clamp(args.GetValue(Interval), 0, 1e6));

    public static void Show(string note, Action<Report> work) => Show(note, report =>
    {
        work(report);
        return 0;
    });

    public static T Show<T>(string note, Func<Report, T> work)
    {
        if (Console.IsErrorRedirected)
        {
            return work(Lines(note));
        }

        s_live = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        try
        {
            return s_live.Progress().HideCompleted(true)
                .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                    new RemainingTimeColumn())
                .Start(context =>
                {
                    ProgressTask task = context.AddTask(Markup.Escape(note));
                    return work((done, total, now) =>
                    {
                        task.MaxValue = total;
                        task.Value = done;
                        if (now is not null)
                        {
                            task.Description = Markup.Escape(now);
                        }
                    });
                });
        }
        finally
        {
            s_live = null;
        }
    }

    /// <summary>As <see cref="Show(string, Action{Report})"/>, for work that prints results as they come: on a terminal they tell how far
    /// it is.</summary>
    public static void ShowWithResults(string note, Action<Report> work)
    {
        if (Console.IsOutputRedirected || Console.IsErrorRedirected)
        {
            Show(note, work);
        }
        else
        {
            work((_, _, _) => { });
        }
    }

    /// <summary>A line on the standard error, above the bar where there is one.</summary>
    public static void Warn(string message)
    {
        string line = Failure.Line(message);
        if (s_live is { } console)
        {
            console.WriteLine(line);
        }
        else
        {
            Console.Error.WriteLine(line);
        }
    }

    private static Report Lines(string note)
    {
        var clock = Stopwatch.StartNew();
        return (done, total, now) =>
        {
            note = now ?? note;
            if (s_interval > TimeSpan.Zero && clock.Elapsed >= s_interval)
            {
                clock.Restart();
                Console.Error.WriteLine(Failure.Line($"{note} ({done / Math.Max(total, 1):p0})"));
            }
        };
    }
}
