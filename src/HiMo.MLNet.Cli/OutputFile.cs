using System.CommandLine;

namespace HiMo.MLNet.Cli;

/// <summary>Files that a command writes: under another name until they are whole, so that an older one survives a failure.</summary>
internal static class OutputFile
{
    /// <summary>Where to write; another extension than these is a usage error.</summary>
    public static Option<string> Option(string description, params string[] extensions)
    {
        Option<string> option = new("--output", "-o") { Description = description, HelpName = "FILE", Required = true };
        option.Validators.Add(result =>
        {
            string found = Path.GetExtension(result.GetValueOrDefault<string>());
            if (!extensions.Contains(found, StringComparer.OrdinalIgnoreCase))
            {
                result.AddError($"--output: expected a file that ends in {string.Join(" or ", extensions)}, found '{found}'.");
            }
        });
        return option;
    }

    /// <summary>
    /// Creates the file at once, so that a place that cannot be written, or that another process writes, shows before the work.
    /// </summary>
    public static void Write(string path, Action<FileStream> write)
    {
        string partial = path + ".partial";
        using (FileStream stream = File.Create(partial))
        {
            try
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            catch
            {
                Discard(stream, partial);
                throw;
            }
        }

        File.Move(partial, path, overwrite: true);
    }

    private static void Discard(FileStream stream, string partial)
    {
        try
        {
            stream.Dispose();
        }
        catch
        {
            // What was not yet written is written now, and fails once more where the disk is full: the first error is the one to tell.
        }

        File.Delete(partial);
    }
}
