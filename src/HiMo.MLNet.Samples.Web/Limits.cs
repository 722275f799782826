using System.Globalization;
using System.Runtime.CompilerServices;

namespace HiMo.MLNet.Samples.Web;

/// <summary>What the server takes on, each settable by an argument (<c>--queue 16</c>), an environment variable or a settings
/// file.</summary>
/// <param name="configuration">All of these.</param>
/// <exception cref="ArgumentException">A limit is no number, or not positive; the message names it.</exception>
internal sealed class Limits(IConfiguration configuration)
{
    /// <summary>Images decoded and classified at a time.</summary>
    public int Concurrency { get; } = Read(configuration, Environment.ProcessorCount);

    /// <summary>Requests beyond those that are uploading or waiting for their turn; one more is answered 429.</summary>
    public int Queue { get; } = Read(configuration, 32);

    /// <summary>Seconds from the head of a request to its answer.</summary>
    public int Timeout { get; } = Read(configuration, 30);

    /// <summary>Bytes a second at which a body arrives, after its first five seconds; a slower one is cut off.</summary>
    public int MinRate { get; } = Read(configuration, 1_000);

    /// <summary>Bytes of a request's body.</summary>
    public int MaxBytes { get; } = Read(configuration, 20_000_000);

    /// <summary>Width times height of an image; decoded, each pixel takes about 8 bytes.</summary>
    public int MaxPixels { get; } = Read(configuration, 50_000_000);

    /// <summary>Characters of a text to search for, or of the labels to classify against.</summary>
    public int MaxText { get; } = Read(configuration, 4_000);

    /// <exception cref="BadHttpRequestException">The text is longer.</exception>
    public void CheckText(string name, string? text)
    {
        if (text?.Length > MaxText)
        {
            throw new BadHttpRequestException($"{name}: expected at most {MaxText} characters, found {text.Length}.",
                StatusCodes.Status413PayloadTooLarge);
        }
    }

    private static int Read(IConfiguration configuration, int standard, [CallerMemberName] string name = "") =>
        configuration[name] is not { } text ? standard
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
        : throw new ArgumentException($"--{name.ToLowerInvariant()}: expected a number of at least 1, found '{text}'.");
}
