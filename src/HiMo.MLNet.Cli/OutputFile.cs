using System.CommandLine;

namespace HiMo.MLNet.Cli;

/// <summary>Files that a command writes: under another name until they are whole, so that an older one survives a failure.</summary>
internal static class OutputFile
{
    /// <summary>Where to write; another extension than these is a usage error.</summary>
    public static Option<string> Option(string description, params string[] extensions) =>
        Option(description, "a file", _ => false, extensions);

    /// <summary>Where to write, a folder among others: see <see cref="IsFolder"/>.</summary>
    public static Option<string> WithFolder(string description, params string[] extensions) =>
        Option(description, "a folder or a file", IsFolder, extensions);

    /// <summary>A path without an extension, or that ends as a folder's, or a folder that is there.</summary>
    public static bool IsFolder(string path) =>
        Path.GetExtension(path).Length == 0 || Path.EndsInDirectorySeparator(path) || Directory.Exists(path);

    private static Option<string> Option(string description, string expected, Func<string, bool> fits, string[] extensions)
    {
        Option<string> option = CommandOption.Required<string>("--output", "FILE", description, "-o");
        option.Validators.Add(result =>
        {
            string path = result.GetValueOrDefault<string>(), found = Path.GetExtension(path);
            if (!extensions.Contains(found, StringComparer.OrdinalIgnoreCase) && !fits(path))
            {
                result.AddError($"--output: expected {expected} that ends in {string.Join(" or ", extensions)}, found '{found}'.");
            }
        });
        return option;
    }

    /// <summary>
    /// Opens the file at once, so that a place that cannot be written, or that another process writes, shows before the work.
    /// </summary>
    public static void Write(string path, Action<Stream> write)
    {
        using FileStream held = Hold(path);
        WholeFile.Write(path, write);
    }

    /// <summary>Keeps other processes from writing the file, until the result is disposed.</summary>
    /// <exception cref="IOException">Another one writes it, or nobody can.</exception>
    public static FileStream Hold(string path) => WholeFile.Hold(path + ".in-use");
}
