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

    public static void Show(string note, string unit, Action<Report> work) => Show(note, unit, report =>
    {
        work(report);
        return 0;
    });

    public static T Show<T>(string note, Func<Report, T> work) => Show(note, null, work);

    /// <param name="note">What is done.</param>
    /// <param name="unit">What is counted, to tell how many a second; null for no rate.</param>
    /// <param name="work">Does it.</param>
    public static T Show<T>(string note, string? unit, Func<Report, T> work)
    {
        var pace = new Pace(unit);
        if (Console.IsErrorRedirected)
        {
            return work(Lines(note, pace));
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
                        pace.Report(done, total);
                        note = now ?? note;
                        task.Description = Markup.Escape(note + pace.Rate);
                    });
                });
        }
        finally
        {
            s_live = null;
        }
    }

    /// <summary>As <see cref="Show(string, string, Action{Report})"/>, for work that prints results as they come: on a terminal they tell
    /// how far it is.</summary>
    public static void ShowWithResults(string note, string unit, Action<Report> work)
    {
        if (Console.IsOutputRedirected || Console.IsErrorRedirected)
        {
            Show(note, unit, work);
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

    private static Report Lines(string note, Pace pace)
    {
        var clock = Stopwatch.StartNew();
        return (done, total, now) =>
        {
            note = now ?? note;
            pace.Report(done, total);
            if (s_interval > TimeSpan.Zero && clock.Elapsed >= s_interval)
            {
                clock.Restart();
                Console.Error.WriteLine(Failure.Line($"{note} ({done / Math.Max(total, 1):p0}{pace.Rate}{pace.Left})"));
            }
        };
    }

    /// <summary>How fast work goes, since it first told how far it was: what a resumed one had done before counts for nothing.</summary>
    private sealed class Pace(string? unit)
    {
        private Stopwatch? _clock;
        private double _first;

        /// <summary><c>, 41 images/s</c>; empty as long as nothing is known.</summary>
        public string Rate { get; private set; } = "";

        /// <summary><c>, 0:02:10 left</c>; empty as long as nothing is known, and at the end.</summary>
        public string Left { get; private set; } = "";

        public void Report(double done, double total)
        {
            if (_clock is null)
            {
                (_clock, _first) = (Stopwatch.StartNew(), done);
                return;
            }

            double perSecond = (done - _first) / Math.Max(_clock.Elapsed.TotalSeconds, 1e-3);
            if (perSecond > 0)
            {
                Rate = unit is null ? "" : $", {perSecond.ToString(perSecond < 10 ? "f1" : "f0")} {unit}/s";
                var left = TimeSpan.FromSeconds(Math.Min((total - done) / perSecond, 1e7));
                Left = done < total ? $", {(int)left.TotalHours}:{left:mm\\:ss} left" : "";
            }
        }
    }
}
