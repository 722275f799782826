using System.Formats.Tar;
using System.Text;
using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Fuzzing;

/// <summary>Data sets of every format. What they name stays in their folder, also where they are read without an error.</summary>
internal static class DataSetFuzz
{
    private static readonly (string Format, string File, string Text)[] s_listed =
    [
        ("sharegpt4v", "all.json", """[{"id": "1", "image": "coco/1.jpg", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": "A cat\nsits."}]}, {"image": "2.jpg", "conversations": [{}, {"value": "A dog."}]}]"""),
        ("docci", "rows.jsonl", """{"image_file": "1.jpg", "split": "train", "description": " A cat. "}""" + "\n\n" + """{"image_file": "a/2.jpg", "split": "test", "description": "é"}"""),
        ("docci-test", "rows.jsonl", """{"image_file": "1.jpg", "split": "train", "description": " A cat. "}""" + "\n" + """{"image_file": "a/2.jpg", "split": "test", "description": "é"}"""),
        ("himo-docci", "rows.json", """{"img_path": "1.jpg", "caption": ["A.", "A. B.", "A. B. C."]}""" + "\n" + """{"img_path": "2.jpg", "caption": []}"""),
        ("long-dci", "rows.tsv", "\tfilepath\ttitle\n0\t1.jpg\tA cat.\n1\ta/2.jpg\t\"A \"\"dog\"\"\n\tthere.\"\r\n2\t3.jpg\t\n"),
        ("coco", "captions_val.json", """{"info": {"year": 2017}, "images": [{"id": 1, "file_name": "1.jpg"}, {"id": 2, "file_name": "2.jpg"}], "annotations": [{"image_id": 2, "id": 9, "caption": "A."}, {"image_id": 1, "caption": "B."}]}"""),
        ("flickr30k", "results.token", "1.jpg#0\tA cat .\n1.jpg#1\tThe cat .\n2.jpg#0\tA dog .\n"),
        ("cola", "all.json", """[["https://x.org/1.jpg", "A.", "2.jpg", "B."], ["3.jpg", "C.", "4.jpg", "D."]]"""),
    ];

    // A line a file: its path, a bar, what is in it, or, after '@', what it links to.
    private static readonly (string Format, string Files)[] s_laidOut =
    [
        ("urban1k", "image/1.jpg|\nimage/2.jpg|\ncaption/1.txt|A cat.\ncaption/2.txt|A dog.\n"),
        ("image-folder", "1.png|\n1.txt|A cat.\na/2.jpg|\na/2.txt|A dog.\n3.jpg|@1.png\n3.txt|@a/2.txt\n"),
        ("class-folder", "cat/1.png|\ncat/a/2.png|\ndog/1.png|\ndog/2.jpg|@1.png\n"),
    ];

    public static IEnumerable<FuzzKind> Kinds(string folder)
    {
        foreach ((string format, string name, string text) in s_listed)
        {
            bool isJson = text[0] is '[' or '{';
            yield return new FuzzKind(
                format,
                random => random.Next(4) == 0 ? Mutations.Bytes(random, Mutations.Utf8(text))
                    : Mutations.Utf8(isJson ? Mutations.Json(random, text) : Mutations.Lines(random, text)),
                input =>
                {
                    string file = Path.Combine(folder, name);
                    File.WriteAllBytes(file, input);
                    Read(input.Length % 4 == 0 ? DataSets.Open(file) : DataSets.Open(file, format), folder);
                },
                error => error is InvalidDataException,
                8 << 20);
        }

        yield return Shard(folder, "webdataset", "1.tar", File.ReadAllBytes(WriteTar(Path.Combine(folder, "seed.tar"))), 8 << 20);

        string root = Path.Combine(folder, "set");
        yield return new FuzzKind(
            "folders",
            random =>
            {
                (string format, string files) = random.Pick(s_laidOut);
                return Mutations.Utf8($"{format}\n{Mutations.Lines(random, files)}");
            },
            input =>
            {
                string[] lines = Encoding.UTF8.GetString(input).Split('\n');
                MakeFiles(root, lines[1..]);
                Read(input.Length % 4 == 0 ? DataSets.Open(root) : DataSets.Open(root, lines[0]), root);
            },
            error => error is InvalidDataException,
            8 << 20);
    }

    private static FuzzKind Shard(string folder, string format, string name, byte[] good, long mostBytes) => new(
        format, random => Mutations.Bytes(random, good),
        input =>
        {
            string file = Path.Combine(folder, name);
            File.WriteAllBytes(file, input);
            foreach (CaptionedImage image in DataSets.Open(file, format))
            {
                Assert.InRange(image.Encoded?.Invoke().Length ?? 0, 0, input.Length);
            }
        },
        error => error is InvalidDataException or ImageReadException, mostBytes);

    // Long names, which tar keeps in entries of their own, in both ways of doing so.
    private static string WriteTar(string path)
    {
        using FileStream file = File.Create(path);
        using TarWriter writer = new(file, TarEntryFormat.Pax, leaveOpen: true);
        string name = new('n', 150);
        foreach (Func<string, TarEntry> make in (Func<string, TarEntry>[])
            [extension => new PaxTarEntry(TarEntryType.RegularFile, $"{name}p.{extension}"),
            extension => new GnuTarEntry(TarEntryType.RegularFile, $"{name}g.{extension}"),
            extension => new UstarTarEntry(TarEntryType.RegularFile, $"1.{extension}")])
        {
            foreach ((string extension, byte[] bytes) in ((string, byte[])[])
                [("jpg", [1, 2, 3]), ("txt", Mutations.Utf8("A cat.")), ("json", Mutations.Utf8("""{"caption": "A cat."}"""))])
            {
                TarEntry entry = make(extension);
                entry.DataStream = new MemoryStream(bytes);
                writer.WriteEntry(entry);
            }
        }

        return path;
    }

    private static void Read(DataSet images, string root)
    {
        foreach (CaptionedImage image in images)
        {
            Assert.StartsWith(root + Path.DirectorySeparatorChar, image.ImagePath);
            Assert.DoesNotContain("..", image.ImagePath.Split('/'));
            Assert.DoesNotContain('\0', image.ImagePath);
        }
    }

    // What a file system does not take is left out.
    private static void MakeFiles(string root, string[] lines)
    {
        if (Directory.Exists(root))
        {
            Directory.Delete(root, recursive: true);
        }

        Directory.CreateDirectory(root);
        foreach (string line in lines)
        {
            int bar = line.IndexOf('|');
            string path = Path.Combine(root, line[..Math.Max(bar, 0)]);
            if (bar <= 0 || line.Contains('\0') || !Path.GetFullPath(path).StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            {
                continue;
            }

            try
            {
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                if (line.AsSpan(bar + 1) is ['@', .. { Length: > 0 } target])
                {
                    File.CreateSymbolicLink(path, target.ToString());
                }
                else
                {
                    File.WriteAllText(path, line[(bar + 1)..]);
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
            }
        }
    }
}
