using System.CommandLine;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>Published checkpoints, from where their authors put them.</summary>
internal static class DownloadCommand
{
    private static readonly Argument<string> s_name = new("NAME")
    {
        Description = $"{string.Join(", ", PublishedModel.All.Select(model => model.Name))}; or OWNER/REPO of a model on Hugging Face, or "
            + "OWNER/REPO/FILE for one file of it.",
        CompletionSources = { _ => PublishedModel.All.Select(model => new System.CommandLine.Completions.CompletionItem(model.Name)) },
    };

    private static readonly Option<string?> s_output = new("--output", "-o")
    {
        Description = "The folder to put files into; made if need be. Default: where you stand; for OWNER/REPO a folder REPO there.",
        HelpName = "FOLDER",
    };

    private static readonly Option<string?> s_endpoint = CommandOption.Of<string?>("--endpoint", "URL",
        $"A mirror with the same addresses. Default: for Hugging Face $HF_ENDPOINT, or {HubRepository.Server}.");

    public static Command Create()
    {
        Command command = new("download",
            "Fetch a published checkpoint, and check its hash. Interrupted, the same command goes on.\n"
            + "Example: himo download longclip-B") { s_name, s_output, s_endpoint, Json.Option };
        s_endpoint.Validators.Add(result =>
        {
            string? given = result.Tokens.FirstOrDefault()?.Value;
            if (given is not null && !(Uri.TryCreate(given, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
            {
                result.AddError($"--endpoint: expected a URL as {HubRepository.Server}, found '{given}'.");
            }
        });
        command.SetWork((args, cancellation) => Tell(RunAsync(args, cancellation).GetAwaiter().GetResult(), args.GetValue(Json.Option)));
        return command;
    }

    private static async Task<IReadOnlyList<DownloadedFile>> RunAsync(ParseResult args, CancellationToken cancellation)
    {
        string name = args.GetRequiredValue(s_name);
        string? endpoint = args.GetValue(s_endpoint)?.TrimEnd('/');
        PublishedModel? known = PublishedModel.All.FirstOrDefault(model => model.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        using var downloader = new Downloader();
        if (known?.Path is { } path)
        {
            string address = $"{endpoint ?? PublishedModel.OpenAIServer}/{path}";
            return [Fetch(downloader, address, Folder(args, "."), known.Sha256, cancellation)];
        }

        string server = endpoint ?? (Environment.GetEnvironmentVariable("HF_ENDPOINT") is { Length: > 0 } set ? set.TrimEnd('/')
            : HubRepository.Server);
        string[] parts = (known?.Repository ?? name).Split('/', 3);
        if (parts.Length < 2 || parts.Any(part => part.Split('/').Any(name => name is "" or "." or "..")))
        {
            throw new UsageException(
                $"Expected the name of a model (himo download --help), OWNER/REPO or OWNER/REPO/FILE, found '{name}'.");
        }

        string repository = $"{parts[0]}/{parts[1]}", into = Folder(args, parts.Length == 2 && known is null ? parts[1] : ".");
        string[] files = parts.Length == 3 ? [parts[2]] : await HubRepository.FilesAsync(downloader, server, repository, cancellation);
        List<DownloadedFile> fetched = [];
        foreach (string file in files)
        {
            fetched.Add(Fetch(downloader, HubRepository.Address(server, repository, file), into, null, cancellation));
        }

        return fetched;
    }

    private static string Folder(ParseResult args, string standard)
    {
        string folder = args.GetValue(s_output) ?? standard;
        Directory.CreateDirectory(folder);
        return folder;
    }

    private static DownloadedFile Fetch(
        Downloader downloader, string address, string folder, string? sha256, CancellationToken cancellation)
    {
        string file = address[(address.LastIndexOf('/') + 1)..];
        return ProgressDisplay.Show($"downloading {file}", "MB",
            report => downloader.FetchAsync(address, Path.Combine(folder, file), sha256, report, cancellation).GetAwaiter().GetResult());
    }

    private static void Tell(IReadOnlyList<DownloadedFile> files, bool json)
    {
        if (json)
        {
            Json.WriteArray(files);
            return;
        }

        foreach (DownloadedFile file in files)
        {
            string was = file.WasThere ? ", was there" : "";
            Console.WriteLine($"{file.File}: {file.Bytes / 1e6:f1} MB, SHA-256 {file.Sha256}{was}");
        }
    }
}
