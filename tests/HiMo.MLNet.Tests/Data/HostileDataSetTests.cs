using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Data sets that ask for much, or for what lies elsewhere.</summary>
public sealed class HostileDataSetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _outside = new();

    public void Dispose()
    {
        _folder.Dispose();
        _outside.Dispose();
    }

    [Theory]
    [InlineData("docci", "rows.jsonl", "{\"image_file\": \"1.jpg\", \"description\": \"a\"}\n{\"image_file\": \"", "line 2")]
    [InlineData("himo-docci", "rows.json", "{\"img_path\": \"1.jpg\", \"caption\": [\"", "line 1")]
    [InlineData("sharegpt4v", "all.json", "[{\"image\": \"1.jpg\", \"conversations\": [{}, {\"value\": \"", "element 1")]
    [InlineData("cola", "all.json", "[[\"a.jpg\", \"", "element 1")]
    [InlineData("coco", "captions.json", "{\"images\": [{\"id\": 1, \"file_name\": \"", "element 1")]
    [InlineData("flickr30k", "results.token", "1.jpg#0\ta\n1.jpg#1\t", "line 2")]
    [InlineData("long-dci", "rows.tsv", "filepath\ttitle\n1.jpg\t", "line 2")]
    [InlineData("long-dci", "rows.tsv", "filepath\ttitle\n1.jpg\t\"", "line 2")]
    [InlineData("urban1k", "caption/1.txt", "a", "line 1")]
    [InlineData("image-folder", "1.txt", "a", "")]
    public void A_row_of_gigabytes_is_refused_at_the_limit(string format, string name, string start, string place)
    {
        _folder.Write("image/1.jpg");
        _folder.Write("1.png");
        string file = _folder.Write(name, start);
        using (FileStream stream = File.OpenWrite(file))
        {
            stream.SetLength(3L << 30);                                       // zeros that take no room on the disk
        }

        string path = format is "urban1k" or "image-folder" ? _folder.FullPath : file;
        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(path, format).Count());

        Assert.StartsWith(place.Length > 0 ? $"{file}, {place}: " : $"{file}: ", error.Message);
        // Zeros end a JSON text before the limit does, unless they stand in a string, where they are no JSON either.
        Assert.True(error.Message.Contains("another RowLength") || error.Message.Contains("0x00"), error.Message);
    }

    [Fact]
    public void A_JSON_text_of_gigabytes_is_refused_at_the_limit()
    {
        string file = _folder.At("all.json");
        using (StreamWriter writer = new(file))
        {
            writer.Write("[{\"image\": \"1.jpg\", \"conversations\": [{}, {\"value\": \"");
            for (int i = 0; i < 17; i++)
            {
                writer.Write(new string('x', 1 << 20));
            }
        }

        string message = Assert.Throws<InvalidDataException>(() => DataSets.Open(file, "sharegpt4v").Count()).Message;

        Assert.StartsWith($"{file}, element 1: expected at most 16777216 bytes", message);
        Assert.Contains("another RowLength", message);
    }

    [Fact]
    public void Lines_end_as_those_of_any_text_file()
    {
        string row = """{"image_file": "1.jpg", "description": "a"}""";
        // Line ends on both sides of the reader's buffer of 16,384 characters.
        string file = _folder.Write("rows.jsonl", $"{row}\r\n\r{new string(' ', 16_339)}\n{row}\r{row}\n");

        Assert.Equal([1, 4, 5], DataSets.Open(file, "docci").Select(image => image.Source.Number));
        Assert.Equal(File.ReadLines(file), TextRows.ReadLines(file).Select(line => line.Line));
    }

    [Fact]
    public void A_path_of_a_hundred_thousand_folders_is_refused()
    {
        string path = string.Concat(Enumerable.Repeat("a/", 100_000)) + "b.jpg";

        string message = Refuses(path);

        Assert.Contains("expected at most 4096 characters of a path", message);
        Assert.InRange(message.Length, 0, 1_000);
    }

    [Fact]
    public void The_deepest_path_allowed_resolves_on_a_small_stack()
    {
        string path = string.Concat(Enumerable.Repeat("a/", 2_000)) + "b.jpg";
        string? resolved = null;
        var thread = new Thread(() => resolved = new DataRoot(_folder.FullPath).Resolve(path, default), maxStackSize: 128 * 1024);
        thread.Start();
        thread.Join();

        Assert.Equal(_folder.At(path), resolved);
    }

    [Fact]
    public void What_a_data_set_says_is_shown_short_and_without_control_characters()
    {
        string message = Refuses("../\u001b[2J" + new string('x', 4_000));

        Assert.DoesNotContain('\u001b', message);
        Assert.InRange(message.Length, 0, 1_000);
    }

    [Theory]
    [InlineData("docci", "rows.jsonl", """{"\ud800": 1, "description": "a"}""", "line 1")]
    [InlineData("docci", "rows.jsonl", """{"\ud8\u0030": 1}""", "line 1")]
    [InlineData("sharegpt4v", "all.json", """[{"\ud800mage": 1}]""", "element 1")]
    [InlineData("coco", "captions.json", """{"imag\ud800s": [], "images": []}""", "element 1")]
    [InlineData("coco", "captions.json", """{"imag\ud800": []}""", "element 1")]
    [InlineData("himo-docci", "rows.json", """null""", "line 1")]
    [InlineData("himo-docci", "rows.json", """{"img_path": "a.jpg", "caption": [null]}""", "line 1")]
    [InlineData("coco", "captions.json", """{"images": [{"id": null, "file_name": null}]}""", "element 1")]
    [InlineData("cola", "all.json", """[[null, null, null, null]]""", "element 1")]
    public void Names_that_are_no_text_and_nulls_name_their_place(string format, string name, string json, string place)
    {
        string file = _folder.Write(name, json);

        Assert.StartsWith($"{file}, {place}: ", Assert.Throws<InvalidDataException>(() => DataSets.Open(file, format).Count()).Message);
    }

    [FactWhereLinksCanBeMade]
    public void A_link_that_goes_up_from_behind_another_link_stays_inside_or_is_refused()
    {
        // 'down/../secret.jpg' read as text is the root's; the system goes to the outside folder first, and up from there.
        _outside.Write("deep/there.txt");
        _outside.Write("secret.jpg");
        Directory.CreateSymbolicLink(_folder.At("down"), _outside.At("deep"));
        File.CreateSymbolicLink(_folder.At("a.jpg"), "down/../secret.jpg");
        Assert.True(File.Exists(_folder.At("a.jpg")));

        Assert.Contains("link", Refuses("a.jpg"));
    }

    [FactWhereLinksCanBeMade]
    public void A_caption_that_links_to_nothing_is_named()
    {
        _folder.Write("1.png");
        File.CreateSymbolicLink(_folder.At("1.txt"), "gone.txt");

        Assert.StartsWith(
            $"{_folder.At("1.txt")}: there is no such file", Assert.Throws<InvalidDataException>(() => DataSets.Open(_folder.FullPath, "image-folder").Count()).Message);
    }

    [Fact]
    public void A_file_name_with_a_backslash_is_that_file()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        _folder.Write("image/a\\b.jpg");
        _folder.Write("caption/a\\b.txt", "A cat.");

        CaptionedImage image = Assert.Single(DataSets.Open(_folder.FullPath));
        Assert.Equal((_folder.At("image/a\\b.jpg"), "A cat."), (image.ImagePath, image.Captions[0]));
    }

    [Fact]
    public void Captions_without_end_for_one_image_are_refused()
    {
        string file = _folder.Write("results.token", string.Concat(Enumerable.Range(0, 10_001).Select(i => $"1.jpg#{i}\ta\n")));

        Assert.StartsWith(
            $"{file}, line 10001: expected at most 10000 captions of an image", Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count()).Message);
    }

    private string Refuses(string path)
    {
        string file = _folder.Write("all.json", System.Text.Json.JsonSerializer.Serialize(new[] { new[] { "a.png", "A", path, "B" } }));
        return Assert.Throws<InvalidDataException>(() => DataSets.Open(file, "cola").Count()).Message;
    }
}
