using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.ML;

namespace HiMo.MLNet.Cli.Commands;

/// <summary>A model in the form that other libraries and languages read.</summary>
internal static class ExportCommand
{
    private const string Onnx = "onnx", HuggingFace = "huggingface", Safetensors = "safetensors", MLNet = "mlnet",
        WeightsName = "model.safetensors";

    public static Command Create()
    {
        Argument<string> model = new("MODEL") { Description = ModelFile.Help };
        Option<string> form = new("--to")
        {
            Description = "onnx: the two towers for ONNX Runtime. huggingface: a folder for transformers (Python) and transformers.js, "
                + "with ONNX graphs in it. safetensors: the weights alone, under the original CLIP's names. mlnet: a .zip for "
                + "mlContext.Model.Load.",
            HelpName = $"{Onnx}|{HuggingFace}|{Safetensors}|{MLNet}",
            Required = true,
        };
        form.AcceptOnlyFromAmong(StringComparer.OrdinalIgnoreCase, Onnx, HuggingFace, Safetensors, MLNet);
        Option<string> output = CommandOption.Required<string>("--output", "FOLDER",
            "Where to; made if need be. Other files in it stay.", "-o", "--out");
        Option<OnnxPrecision[]> precisions = new("--precision", "-p")
        {
            Description = "Of the ONNX graphs; several give several. Of a huggingface folder transformers.js takes the first unasked.",
            AllowMultipleArgumentsPerToken = true,
            HelpName = "float32|float16|int8",
            DefaultValueFactory = _ => [OnnxPrecision.Float32],
        };
        Command command = new("export",
            "Write a model in the form that other libraries and languages read.\n"
            + "Example: himo export model.zip --to huggingface --output folder --precision float32 int8")
        {
            model, form, output, precisions, Json.Option,
        };
        command.Validators.Add(result => Check(result, form, output, precisions));
        command.SetWork((args, cancellation) =>
        {
            string folder = args.GetRequiredValue(output), chosen = args.GetRequiredValue(form).ToLowerInvariant();
            if (chosen == MLNet)
            {
                SaveMLNet(args.GetRequiredValue(model), folder, args.GetValue(Json.Option));
                return;
            }

            if (File.Exists(folder))                                          // before the model is read, which takes a while
            {
                throw new IOException($"--output: expected a folder, found the file '{folder}'.");
            }

            ProgressDisplay.Show($"writing {folder}", report =>
            {
                using ClipEmbedder opened = ModelFile.Open(args.GetRequiredValue(model), gpu: false);
                Export(opened, chosen, folder, [.. args.GetValue(precisions)!.Distinct()], cancellation);
                report(1, 1);
            });
            Tell(folder, chosen, args.GetValue(Json.Option));
        });
        return command;
    }

    private static void Check(CommandResult result, Option<string> form, Option<string> output, Option<OnnxPrecision[]> precisions)
    {
        // Not their values: of an option without one, which is told elsewhere or being completed, those throw.
        string? chosen = Given(form)?.ToLowerInvariant();
        if (result.GetResult(precisions) is { Implicit: false } && chosen is Safetensors or MLNet)
        {
            result.AddError($"Expected no --precision with --to {chosen}: the weights stay in the types that they have.");
        }

        string? file = Given(output);
        if (chosen == MLNet && !".zip".Equals(Path.GetExtension(file), StringComparison.OrdinalIgnoreCase))
        {
            result.AddError($"--output: expected a file that ends in .zip with --to {MLNet}, found '{file}'.");
        }

        string? Given(Option<string> option) => result.GetResult(option)?.Tokens.FirstOrDefault()?.Value;
    }

    // The model as it is, for both columns under their usual names.
    private static void SaveMLNet(string model, string zip, bool asJson)
    {
        OutputFile.Write(zip, stream => ProgressDisplay.Show($"writing {zip}", report =>
        {
            MLContext mlContext = Context.Create(gpu: false);
            using HiMoClipTransformer transformer = ModelFile.Fit(mlContext, model);
            mlContext.Model.Save(transformer, ModelFile.NoRows(mlContext).Schema, stream);
            report(1, 1);
        }));
        long bytes = new FileInfo(zip).Length;
        Console.WriteLine(asJson ? Json.Line(new { Output = zip, Bytes = bytes }) : $"{zip}: {bytes / 1e6:f1} MB");
    }

    private static void Export(ClipEmbedder model, string form, string folder, OnnxPrecision[] precisions, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        switch (form)
        {
            case Onnx:
                foreach (OnnxPrecision precision in precisions)
                {
                    model.SaveOnnx(folder, precision);
                    cancellation.ThrowIfCancellationRequested();
                }

                break;
            case HuggingFace:
                model.SaveHuggingFace(folder, precisions);
                break;
            default:
                Directory.CreateDirectory(folder);
                model.SaveCheckpoint(Path.Combine(folder, WeightsName));
                break;
        }
    }

    private static void Tell(string folder, string form, bool asJson)
    {
        string[] beside = form switch
        {
            Onnx => [],
            Safetensors => [WeightsName],
            _ =>
            [
                "config.json", "merges.txt", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json",
                "tokenizer_config.json",
                "vocab.json", WeightsName,
            ],
        };
        IEnumerable<string> graphs = form != Safetensors ? Directory.EnumerateFiles(Path.Combine(folder, "onnx"), "*_model*.onnx*") : [];
        (string Name, long Bytes)[] files = [.. beside.Select(name => Path.Combine(folder, name)).Concat(graphs)
            .Select(path => (Path.GetRelativePath(folder, path).Replace('\\', '/'), new FileInfo(path).Length))
            .OrderBy(file => file.Item1, StringComparer.Ordinal)];
        Console.WriteLine(asJson
            ? Json.Line(new { Output = folder, Files = files.Select(file => new { file.Name, file.Bytes }) })
            : $"{folder}: {files.Sum(file => file.Bytes) / 1e6:f1} MB\n"
                + string.Join('\n', files.Select(file => $"  {file.Name} ({file.Bytes / 1e6:f1} MB)")));
    }
}
