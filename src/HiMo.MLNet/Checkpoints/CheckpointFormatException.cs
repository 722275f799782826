namespace HiMo.MLNet;

/// <summary>
/// A checkpoint file cannot be read: it is damaged, of an unknown kind, or holds something that this library refuses
/// (such as a pickle that wants to run code). The message names the file, the place in it, what was expected and what
/// was found.
/// </summary>
/// <param name="message">File, place, what was expected and what was found.</param>
/// <param name="innerException">The error underneath, if there is one.</param>
public sealed class CheckpointFormatException(string message, Exception? innerException = null) : FormatException(message, innerException)
{
    internal static CheckpointFormatException At(string file, string place, string problem, Exception? inner = null) =>
        new($"{file}: {place}: {problem}", inner);
}
