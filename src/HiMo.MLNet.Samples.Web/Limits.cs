using System.Globalization;

namespace HiMo.MLNet.Samples.Web;

/// <summary>What the server takes on, each settable by an argument (<c>--queue 16</c>), an environment variable or a settings
/// file.</summary>
internal sealed class Limits
{
    /// <summary>Images decoded and classified at a time.</summary>
    public int Concurrency { get; private set; } = Environment.ProcessorCount;

    /// <summary>Requests beyond those that are uploading or waiting for their turn; one more is answered 429.</summary>
    public int Queue { get; private set; } = 32;

    /// <summary>Seconds from the head of a request to its answer.</summary>
    public int Timeout { get; private set; } = 30;

    /// <summary>Bytes a second at which a body arrives, after its first five seconds; a slower one is cut off.</summary>
    public int MinRate { get; private set; } = 1_000;

    /// <summary>Bytes of a request's body.</summary>
    public int MaxBytes { get; private set; } = 20_000_000;

    /// <summary>Width times height of an image; decoded, each pixel takes about 8 bytes.</summary>
    public int MaxPixels { get; private set; } = 50_000_000;

    /// <exception cref="ArgumentException">A limit is no number, or not positive; the message names it.</exception>
    public static Limits Of(IConfiguration configuration)
    {
        Limits limits = new();
        limits.Concurrency = Read(configuration, nameof(Concurrency), limits.Concurrency);
        limits.Queue = Read(configuration, nameof(Queue), limits.Queue);
        limits.Timeout = Read(configuration, nameof(Timeout), limits.Timeout);
        limits.MinRate = Read(configuration, nameof(MinRate), limits.MinRate);
        limits.MaxBytes = Read(configuration, nameof(MaxBytes), limits.MaxBytes);
        limits.MaxPixels = Read(configuration, nameof(MaxPixels), limits.MaxPixels);
        return limits;
    }

    private static int Read(IConfiguration configuration, string name, int standard) =>
        configuration[name] is not { } text ? standard
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value > 0 ? value
        : throw new ArgumentException($"--{name.ToLowerInvariant()}: expected a number of at least 1, found '{text}'.");
}
