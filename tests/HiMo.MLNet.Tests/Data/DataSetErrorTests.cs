using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Data;

public sealed class DataSetErrorTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_wrong_folder_says_what_was_looked_for_and_what_is_there()
    {
        _folder.Write("archive.zip");
        _folder.Write("images/readme.txt", "hello");

        string message = Assert.Throws<InvalidDataException>(() => DataSets.Open(_folder.FullPath)).Message;

        Assert.Contains(_folder.FullPath, message);
        Assert.Contains("urban1k: folders 'image' and 'caption'", message);
        Assert.Contains("class-folder", message);
        Assert.Contains("archive.zip, images/", message);
    }

    [Fact]
    public void A_folder_of_another_format_is_refused()
    {
        _folder.Write("all.json", """[["a.jpg", "A", "b.jpg", "B"]]""");

        string message = Assert.Throws<InvalidDataException>(() => DataSets.Open("urban1k:" + _folder.FullPath)).Message;
        Assert.Contains("looked for urban1k: folders 'image' and 'caption'.", message);
        Assert.DoesNotContain("flickr30k", message);
        Assert.Contains("all.json", message);

        Assert.Contains("looks like cola", Assert.Throws<InvalidDataException>(() => DataSets.Open("docci:" + _folder.At("all.json"))).Message);
        Assert.Contains("looks like cola", Assert.Throws<InvalidDataException>(() => DataSets.Open("class-folder:" + _folder.At("all.json"))).Message);
    }

    [Fact]
    public void Several_sets_in_a_folder_must_be_told_apart_by_the_user()
    {
        _folder.Write("annotations/captions_train2017.json", """{"images": [], "annotations": []}""");
        _folder.Write("annotations/captions_val2017.json", """{"images": [], "annotations": []}""");

        string message = Assert.Throws<InvalidDataException>(() => DataSets.Open(_folder.FullPath)).Message;

        Assert.Contains("captions_train2017.json (coco)", message);
        Assert.Contains("captions_val2017.json (coco)", message);
        Assert.Empty(DataSets.Open(_folder.At("annotations/captions_val2017.json")));
    }

    [Fact]
    public void Names_an_unknown_format_and_a_path_that_is_not_there()
    {
        Assert.Contains("found 'urban2k'", Assert.Throws<ArgumentException>(() => DataSets.Open("urban2k:" + _folder.FullPath)).Message);
        Assert.Contains("nowhere", Assert.Throws<FileNotFoundException>(() => DataSets.Open(_folder.At("nowhere"))).Message);
    }

    [Theory]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": "a"}]}, {"conversations": []}]""", "element 2", "'image'")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}]}]""", "element 1", "found 1 turns")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": 3}]}]""", "element 1", "expected 'value' to be String, found Number")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": "\ud800"}]}]""", "element 1", "Unicode")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": "a"}]}, {"image": "2.jpg", "conv""", "element 2", "")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": "a"}]}, 7]""", "element 2", "found Number")]
    [InlineData("""[{"image": "1.jpg", "conversations": [{}, {"value": "a"}]} {]""", "element 2", "")]
    [InlineData("""{"images": []}""", "element 1", "Expected an array")]
    public void A_broken_array_names_the_element(string json, string place, string reason)
    {
        string file = _folder.Write("broken.json", json);

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => ShareGpt4v.Read(new DataRoot(_folder.FullPath), file).Count());

        Assert.StartsWith($"{file}, {place}:", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("{\"image_file\": \"1.jpg\", \"description\": \"a\"}\n{\"image_file\": 1, \"description\": \"a\"}", 2, "'image_file' to be String, found Number")]
    [InlineData("{\"image_file\": \"1.jpg\", \"description\": \"a\"}\n\n{\"image_file\": \"1.jpg\"}", 3, "'description', found 'image_file'")]
    [InlineData("{\"image_file\": \"1.jpg\", \"description\": \"a\"}\n{\"image_file\":", 2, "JSON")]
    [InlineData("{\"image_file\": \"1.jpg\", \"description\": \"a\"}\n[]", 2, "found Array")]
    public void A_broken_line_is_named(string lines, int line, string reason)
    {
        string file = _folder.Write("broken.jsonl", lines);

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count());

        Assert.StartsWith($"{file}, line {line}:", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("filepath\ttitle\n1.jpg\ta\n2.jpg", 3, "expected 2 fields")]
    [InlineData("filepath\ttitle\n1.jpg\t\"two\nlines\"\n2.jpg\t\"open", 4, "not closed")]
    public void A_broken_table_names_the_line(string table, int line, string reason)
    {
        string file = _folder.Write("broken.tsv", table);

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count());

        Assert.StartsWith($"{file}, line {line}:", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("1.jpg#0\ta\nno caption", 2, "expected 'name.jpg#k'")]
    [InlineData("1.jpg#0\ta\n2.jpg#0\tb\n1.jpg#1\tc", 3, "'1.jpg' in a row")]
    public void A_broken_Flickr_line_is_named(string lines, int line, string reason)
    {
        string file = _folder.Write("broken.token", lines);

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count());

        Assert.StartsWith($"{file}, line {line}:", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Theory]
    [InlineData("""{"images": [{"id": 1, "file_name": "1.jpg"}], "annotations": [{"image_id": 1, "caption": "a"}, {"image_id": 2, "caption": "b"}]}""", "element 2", "image_id 2")]
    [InlineData("""{"images": [{"id": 1, "file_name": "1.jpg"}, {"id": 1, "file_name": "2.jpg"}], "annotations": []}""", "element 2", "before")]
    [InlineData("""{"images": []}""", "element 1", "'annotations'")]
    [InlineData("""{"images": 3, "annotations": []}""", "element 1", "'images' to be an array")]
    public void A_broken_COCO_file_names_the_element(string json, string place, string reason)
    {
        string file = _folder.Write("captions.json", json);

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count());

        Assert.StartsWith($"{file}, {place}:", error.Message);
        Assert.Contains(reason, error.Message);
    }

    [Fact]
    public void An_image_without_its_text_is_named()
    {
        _folder.Write("a.png");
        _folder.Write("a.txt");
        _folder.Write("b.png");

        Assert.Contains("b.txt", Assert.Throws<InvalidDataException>(() => DataSets.Open(_folder.FullPath).Count()).Message);
    }

    [Fact]
    public void Reading_stops_only_where_the_fault_is()
    {
        string file = _folder.Write("all.json", """[["a.jpg", "A", "b.jpg", "B"], ["c.jpg", "C"]]""");

        Assert.Equal(["A", "B"], DataSets.Open(file).Take(2).Select(image => image.Captions[0]));
        Assert.Contains("found Array of 2", Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count()).Message);
    }
}
