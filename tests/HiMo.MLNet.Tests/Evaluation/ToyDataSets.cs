using System.Text.Json;

namespace HiMo.MLNet.Tests.Evaluation;

/// <summary>Some of the toy images in the layout of each data set.</summary>
internal static class ToyDataSets
{
    public static readonly string[] WithCaptions =
        ["urban1k", "image-folder", "sharegpt4v", "docci", "docci-train", "docci-test", "long-dci", "coco", "flickr30k"];

    /// <summary>Lays images out in a folder; returns how the evaluation is told to read it.</summary>
    public static string Write(string format, string folder, IReadOnlyList<ToyImages.Row> rows)
    {
        string[] names = [.. rows.Select((_, i) => $"{i:d3}{(format is "urban1k" or "flickr30k" ? ".jpg" : ".png")}")];
        switch (format)
        {
            case "urban1k":
                Copy("image");
                Each((row, name) => Text($"caption/{Path.ChangeExtension(name, ".txt")}", row.Caption));
                break;
            case "image-folder":
                Copy(".");
                Each((row, name) => Text(Path.ChangeExtension(name, ".txt"), row.Caption));
                break;
            case "sharegpt4v":
                Copy("toy");
                Text("all.json", Json(rows.Select((row, i) => new { image = $"toy/{names[i]}", conversations = new[] { new { value = "?" }, new { value = row.Caption } } })));
                break;
            case "docci" or "docci-train" or "docci-test":
                Copy("images");
                string split = format == "docci" ? "train" : format["docci-".Length..];
                Text("docci.jsonlines", string.Join('\n', rows.Select((row, i) => Json(new { split, image_file = names[i], description = row.Caption }))));
                break;
            case "long-dci":
                Copy("images");
                Text("dci.tsv", "filepath\ttitle\n" + string.Join('\n', rows.Select((row, i) => $"{names[i]}\t{row.Caption}")));
                break;
            case "coco":
                Copy("val2017");
                Text("annotations/captions_val2017.json", Json(new
                {
                    images = names.Select((file_name, id) => new { id, file_name }),
                    annotations = rows.Select((row, image_id) => new { image_id, caption = row.Caption }),
                }));
                break;
            case "flickr30k":
                Copy("flickr30k-images");
                Text("all.token", string.Concat(rows.Select((row, i) => $"{names[i]}#0\t{row.Caption}\n")));
                break;
            case "himo-docci":
                Copy("images");
                Text("himo.json", string.Join('\n', rows.Select((row, i) => Json(new { img_path = names[i], caption = Growing(row) }))));
                break;
            case "cola":
                Copy("images");
                Text("cola.json", Json(rows.Chunk(2).Select((pair, i) => new[] { names[2 * i], pair[0].Caption, names[(2 * i) + 1], pair[1].Caption })));
                break;
            case "class-folder":
                Each((row, name) => File.Copy(row.ImagePath, Path.Combine(Directory.CreateDirectory(Path.Combine(folder, Class(row))).FullName, name)));
                break;
            default:
                throw new ArgumentException(format);
        }
        return $"{format}:{folder}";

        void Copy(string subfolder) => Each((row, name) => File.Copy(row.ImagePath, Path.Combine(Directory.CreateDirectory(Path.Combine(folder, subfolder)).FullName, name)));

        void Each(Action<ToyImages.Row, string> write)
        {
            foreach ((int i, ToyImages.Row row) in rows.Index())
            {
                write(row, names[i]);
            }
        }

        void Text(string name, string text)
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }

        static string Json(object value) => JsonSerializer.Serialize(value);
    }

    /// <summary>"Two colours.", "Two colours. The top is red.", … the whole.</summary>
    public static string[] Growing(ToyImages.Row row)
    {
        string[] sentences = row.Caption.TrimEnd('.').Split(". ");
        return [.. sentences.Select((_, i) => string.Join(". ", sentences[..(i + 1)]) + ".")];
    }

    /// <summary>The colour at the top.</summary>
    public static string Class(ToyImages.Row row) => row.Caption.Split(' ')[5].TrimEnd('.');
}
