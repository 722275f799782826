using Spectre.Console;

namespace HiMo.MLNet.Cli;

/// <summary>A bar on the standard error while something takes long; nothing where that is no terminal.</summary>
internal static class ProgressDisplay
{
    /// <summary>Moves the bar.</summary>
    /// <param name="done">Of <paramref name="total"/>.</param>
    /// <param name="total">What there is to do.</param>
    /// <param name="note">What stands beside the bar; null leaves it.</param>
    public delegate void Report(double done, double total, string? note = null);

    public static void Show(string note, Action<Report> work) => Show(note, report =>
    {
        work(report);
        return 0;
    });

    public static T Show<T>(string note, Func<Report, T> work)
    {
        if (Console.IsErrorRedirected)
        {
            return work((_, _, _) => { });
        }

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().HideCompleted(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
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

    /// <summary>Hands items on, moving a bar and watching for Ctrl+C.</summary>
    public static IEnumerable<T> Counted<T>(this IReadOnlyCollection<T> items, Report report, CancellationToken cancellation)
    {
        int done = 0;
        foreach (T item in items)
        {
            cancellation.ThrowIfCancellationRequested();
            yield return item;
            report(++done, items.Count);
        }
    }
}
