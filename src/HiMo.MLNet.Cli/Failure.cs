using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace HiMo.MLNet.Cli;

/// <summary>What a command was told to do makes no sense, in a way that the parser could not see.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>What went wrong, for the user: an exit code, and a line for the standard error.</summary>
/// <param name="ExitCode">One of the constants here.</param>
/// <param name="Text">One line; for what is a bug of this program, a stack trace.</param>
internal sealed record Failure(int ExitCode, string Text)
{
    /// <summary>Exit codes: the work failed, the arguments are wrong, done but for images that could not be read, Ctrl+C.</summary>
    public const int Failed = 1, Usage = 2, SomeSkipped = 3, Cancelled = 130;

    public static Failure Of(Exception e)
    {
        Exception cause = Cause(e);
        return cause switch
        {
            OperationCanceledException => new(Cancelled, Line("cancelled")),
            UsageException => new(Usage, Line(cause.Message)),
            // The library names its options as properties, the user knows them as options.
            ArgumentException { ParamName: { } name } when name.StartsWith(nameof(HiMoClipOptions), StringComparison.Ordinal) =>
                new(Usage, Line(cause.Message.Replace(
                    name, "--" + JsonNamingPolicy.KebabCaseLower.ConvertName(name[(nameof(HiMoClipOptions).Length + 1)..]),
                    StringComparison.Ordinal))),
            IOException or UnauthorizedAccessException or InvalidDataException or FormatException or ArgumentException
                or InvalidOperationException or HttpRequestException or TimeoutException
                or NotSupportedException or OutOfMemoryException or TypeLoadException
                or ExternalException => new(Failed, Line(cause.Message)),
            _ => new(Failed, e.ToString()),
        };
    }

    /// <summary>The first line of a message, fit for a terminal.</summary>
    public static string Line(string message)
    {
        string line = message.ReplaceLineEndings("\n").Split('\n')[0];
        int parameter = line.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        // Names of files come from anywhere, and control characters command a terminal.
        return "himo: " + string.Concat((parameter < 0 ? line : line[..parameter]).Select(c => char.IsControl(c) ? '\uFFFD' : c));
    }

    // Loaders, writers and parallel loops work through reflection or on threads of their own, and wrap what happens there.
    private static Exception Cause(Exception e) => e switch
    {
        AggregateException or TargetInvocationException or TypeInitializationException when e.InnerException is { } inner => Cause(inner),
        InvalidOperationException when e.InnerException is AggregateException or TargetInvocationException or InvalidOperationException
            or IOException
            or FormatException or OperationCanceledException or ExternalException => Cause(e.InnerException),
        _ => e,
    };
}
