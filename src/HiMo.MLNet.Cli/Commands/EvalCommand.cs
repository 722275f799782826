using System.CommandLine;
using System.IO.Compression;
using Microsoft.ML;
using Spectre.Console;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>The papers' tables for any models on any data, and a page that shows them.</summary>
internal static class EvalCommand
{
    private static readonly Option<string[]> s_data = CommandOption.Required<string[]>("--data", "DATA",
        CaptionedData.Help + " Several may be given.", "-d");

    private static readonly Option<string[]> s_models = CommandOption.Required<string[]>("--model", "FILE",
        ModelFile.Help + " Several are compared.", "-m");

    private static readonly Option<int[]> s_k = CommandOption.Of<int[]>("--k", "COUNT",
        "The K of HiMo@K; several may be given. Default: 2 and 3.");

    private static readonly Option<string?> s_labels = CommandOption.Of<string?>("--labels", "FILE",
        "For class folders: a file with a class a line, the folder's name or, with a tab between, the folder's name and "
        + "what to call it. Default: the folders.");

    private static readonly Option<string> s_templates = CommandOption.Of("--templates", "NAME",
        "For class folders: plain, photo, imagenet (the common 80), or a file with a text with {0} a line.", "plain");

    private static readonly Option<double> s_unreadable = CommandOption.Of<double>("--max-unreadable-share", "SHARE",
        "The share of images, from 0 to 1, that may be missing or unreadable.");

    private static readonly Option<string?> s_report = CommandOption.Of<string?>("--report", "FILE",
        "Write a page with charts and examples (.html).");

    private static readonly Option<string?> s_json = CommandOption.Of<string?>("--json", "FILE",
        "Write all figures as JSON; without a file, to the standard output.");

    private static readonly Option<string?> s_csv = CommandOption.Of<string?>("--csv", "FILE", "Write the tables as CSV.");

    private static readonly Option<string> s_cache = CommandOption.Of("--cache", "FOLDER",
        "Where embeddings are kept for the next time, by content and by weights.", DefaultCache());

    static EvalCommand() => s_json.Arity = ArgumentArity.ZeroOrOne;

    public static Command Create()
    {
        Command command = new("eval",
            "Measure models as the papers do, beside their figures: recall, HiMo@K, COLA, zero-shot.\n"
            + "Example: himo eval --data urban1k:Urban1k --model longclip-L.pt --model model.zip --report report.html")
        {
            s_data, CaptionedData.ImageColumn, CaptionedData.CaptionColumn, s_models, s_k, s_labels, s_templates, s_unreadable,
            s_report, s_json, s_csv, s_cache, Context.Gpu,
        };
        command.SetWork(Evaluate);
        return command;
    }

    private static void Evaluate(ParseResult args, CancellationToken cancellation)
    {
        foreach (string file in Files(args))
        {
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder && !Directory.Exists(folder))
            {
                throw new UsageException($"'{file}' cannot be written: there is no folder '{folder}'.");
            }
        }

        HiMoClipMetrics[] metrics = Measure(args, Options(args, cancellation));
        if (args.GetResult(s_json) is not null && args.GetValue(s_json) is null)
        {
            Console.WriteLine(HiMoClipReport.ToJson(metrics));
        }
        else
        {
            foreach (HiMoClipTable table in HiMoClipReport.Tables(metrics))
            {
                Show(table);
            }
        }

        Save(s_json, HiMoClipReport.SaveJson);
        Save(s_csv, HiMoClipReport.SaveCsv);
        Save(s_report, HiMoClipReport.SaveHtml);
        foreach (string file in Files(args))
        {
            Console.Error.WriteLine($"wrote {Path.GetFullPath(file)}");
        }

        void Save(Option<string?> option, Action<string, IReadOnlyList<HiMoClipMetrics>> save)
        {
            if (args.GetValue(option) is { } file)
            {
                save(file, metrics);
            }
        }
    }

    private static IEnumerable<string> Files(ParseResult args) =>
        new[] { s_report, s_json, s_csv }.Select(option => args.GetValue(option)).OfType<string>();

    private static HiMoClipEvaluationOptions Options(ParseResult args, CancellationToken cancellation) => new()
    {
        K = args.GetValue(s_k) is { Length: > 0 } ks ? ks : [2, 3],
        ClassNames = args.GetValue(s_labels) is { } labelFile ? ClassNames(labelFile) : null,
        Templates = Templates(args.GetValue(s_templates)!),
        MaxUnreadableShare = args.GetValue(s_unreadable),
        CacheFolder = args.GetValue(s_cache),
        KeepsEmbeddings = args.GetValue(s_report) is not null,
        CancellationToken = cancellation,
    };

    // Exported graphs, which have no weights to inspect.
    private static bool HoldsGraphs(string path)
    {
        if (Directory.Exists(path))
        {
            return !Directory.EnumerateFiles(path, "*.safetensors").Any()
                && Directory.EnumerateFiles(path, "vision_model*.onnx", SearchOption.AllDirectories).Any();
        }

        if (!Path.GetExtension(path).Equals(".zip", StringComparison.OrdinalIgnoreCase) || !File.Exists(path))
        {
            return Path.GetExtension(path).Equals(".onnx", StringComparison.OrdinalIgnoreCase);
        }

        using ZipArchive zip = ZipFile.OpenRead(path);
        return zip.Entries.Any(entry => Path.GetExtension(entry.Name) == ".onnx");
    }

    private static HiMoClipMetrics[] Measure(ParseResult args, HiMoClipEvaluationOptions options)
    {
        string[] models = args.GetRequiredValue(s_models), data = args.GetRequiredValue(s_data);
        // What is wrong with a later model or data set shows before hours with an earlier one.
        foreach (string path in models)
        {
            if (HoldsGraphs(path))
            {
                ModelFile.Open(path, args.GetValue(Context.Gpu)).Dispose();
            }
            else
            {
                _ = ClipCheckpoint.Inspect(path);
            }
        }

        foreach (string spec in data)
        {
            _ = CaptionedData.Load(new MLContext(), spec);
        }

        List<HiMoClipMetrics> metrics = [];
        foreach ((string path, string name) in models.Zip(Names(models)))
        {
            using ClipEmbedder model = ModelFile.Open(path, args.GetValue(Context.Gpu));
            foreach (string spec in data)
            {
                (options.ModelName, options.DataName) = (name, spec);
                metrics.Add(ProgressDisplay.Show($"{name} on {spec}", report =>
                {
                    options.Progress = new Steps(report, $"{name} on {spec}");
                    return Measure(args, model, spec, options);
                }));
            }
        }
        return [.. metrics];
    }

    private static HiMoClipMetrics Measure(ParseResult args, ClipEmbedder model, string spec, HiMoClipEvaluationOptions options)
    {
        if (CaptionedData.Table(spec) is null)
        {
            return model.Evaluate(spec, options);
        }

        (IDataView table, string? folder) = CaptionedData.Load(new MLContext(), spec);
        return model.Evaluate(table, args.GetRequiredValue(CaptionedData.ImageColumn), args.GetRequiredValue(CaptionedData.CaptionColumn),
            folder, options);
    }

    /// <summary>Names of files without folder and extension; with them where that leaves equal ones.</summary>
    private static string[] Names(string[] files)
    {
        string[] names = [.. files.Select(file => Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(file)))];
        return names.Distinct().Count() == names.Length ? names : files;
    }

    private static Dictionary<string, string> ClassNames(string file)
    {
        Dictionary<string, string> names = [];
        foreach ((int i, string line) in File.ReadAllLines(file).Index().Where(l => !string.IsNullOrWhiteSpace(l.Item)))
        {
            if (line.Split('\t', 2, StringSplitOptions.TrimEntries) is var parts && !names.TryAdd(parts[0], parts[^1]))
            {
                throw new UsageException($"{file}, line {i + 1}: the class '{parts[0]}' was there before.");
            }
        }

        return names;
    }

    private static IReadOnlyList<string> Templates(string name) => name switch
    {
        "plain" => ClipTemplates.Plain,
        "photo" => ClipTemplates.Photo,
        "imagenet" => ClipTemplates.ImageNet,
        _ when File.Exists(name) => [.. File.ReadAllLines(name).Where(line => !string.IsNullOrWhiteSpace(line))],
        _ => throw new UsageException($"--templates: expected plain, photo, imagenet or a file, found '{name}'."),
    };

    /// <summary>Where programs of this user keep what can be computed again.</summary>
    private static string DefaultCache()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string caches = OperatingSystem.IsWindows() ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : OperatingSystem.IsMacOS() ? Path.Combine(home, "Library", "Caches")
            : Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } folder ? folder : Path.Combine(home, ".cache");
        return Path.Combine(caches, "himo-mlnet", "embeddings");
    }

    private static void Show(HiMoClipTable table)
    {
        Console.WriteLine();
        Console.WriteLine(table.Title);
        if (table.Columns.Count > 0)
        {
            Table shown = new Table().AddColumn(new TableColumn("").NoWrap());
            foreach (HiMoClipTableColumn column in table.Columns)
            {
                shown.AddColumn(new TableColumn(
                    Cell($"{Short(column.Group)}\n{column.Name.Replace(" %", "", StringComparison.Ordinal)}")).RightAligned());
            }

            HiMoClipTableSource before = HiMoClipTableSource.Measured;
            foreach (HiMoClipTableRow row in table.Rows)
            {
                if (row.Source == HiMoClipTableSource.Published && before != row.Source)
                {
                    shown.AddRow(new Markup("[dim]published:[/]"));
                }

                before = row.Source;
                shown.AddRow([Cell(row.Name),
                    .. row.Values.Zip(table.Columns, (value, column) => Cell(value?.ToString($"f{column.Decimals}") ?? "–"))]);
            }
            if (Console.IsOutputRedirected)
            {
                AnsiConsole.Profile.Width = 200;
            }

            AnsiConsole.Write(shown);
            Console.WriteLine("In %, r from -1 to 1."
                + (table.Columns.Any(c => Short(c.Group) == "I→T") ? " I→T: images find captions. T→I: captions find images." : ""));
        }
        foreach (string note in table.Notes)
        {
            Console.WriteLine(note);
        }
    }

    // Eight figures fit a terminal of 80 columns.
    private static string Short(string group) =>
        group switch { "image → caption" => "I→T", "caption → image" => "T→I", "monotonicity" => "", _ => group };

    private static Markup Cell(string text) => new(Markup.Escape(text));

    private sealed class Steps(ProgressDisplay.Report report, string what) : IProgress<HiMoClipEvaluationProgress>
    {
        public void Report(HiMoClipEvaluationProgress value) => report(
            value.Done, value.Total ?? value.Done,
            $"{what}: {value.Done} {value.Stage}{(value.FromCache > 0 ? $", {value.FromCache} from the cache" : "")}");
    }
}
