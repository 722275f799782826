using System.Text;
using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Every format, laid out small as it is published, is told from its folder and read.</summary>
public sealed class DataSetFormatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Reads_ShareGPT4V()
    {
        _folder.Write("share-captioner_coco_lcs_sam_1246k_1107.json", """
            [
              {"id": "1", "image": "coco/train2017/000000000009.jpg", "conversations": [
                {"from": "human", "value": "What do you see?\n<image>"}, {"from": "gpt", "value": "A meal.\nIt has \"broccoli\"."}]},
              {"image": "sam/images/sa_1.jpg", "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": ""}]}
            ]
            """);

        AssertReads("sharegpt4v", ("coco/train2017/000000000009.jpg", ["A meal. It has \"broccoli\"."]), ("sam/images/sa_1.jpg", [""]));
    }

    [Fact]
    public void Reads_Urban1k()
    {
        _folder.Write("image/002.jpg");
        _folder.Write("image/001.jpg");
        _folder.Write("caption/002.txt", "A street.\nnot this line");
        _folder.Write("caption/001.txt");

        AssertReads("urban1k", ("image/001.jpg", [""]), ("image/002.jpg", ["A street."]));
    }

    [Fact]
    public void Reads_DOCCI_and_its_splits()
    {
        _folder.Write("docci_metadata.jsonlines", """{"example_id": "test_00000", "cloud_vision_api_responses": {}}""");
        _folder.Write("docci_descriptions.jsonlines", """
            {"example_id": "train_00000", "split": "train", "image_file": "train_00000.jpg", "description": " An indoor view. "}
            {"example_id": "test_00000", "split": "test", "image_file": "test_00000.jpg", "description": "Caf\u00e9 \"ROW\"."}

            """);
        _folder.Write("images/test_00000.jpg");

        AssertReads("docci", ("images/train_00000.jpg", ["An indoor view."]), ("images/test_00000.jpg", ["Café \"ROW\"."]));
        Assert.Equal(["Café \"ROW\"."], DataSets.Open(_folder.FullPath, "docci-test").Single().Captions);
        Assert.Equal(["An indoor view."], DataSets.Open(_folder.FullPath, "docci-train").Single().Captions);
    }

    [Fact]
    public void Reads_Long_DCI_with_quoted_captions()
    {
        _folder.Write("dci_long.csv", "id\tfilepath\ttitle\n0\tsa_1.jpg\tA plain one, with \"quotes\" inside.\r\n\n1\tsa_2.jpg\t\"Two\nlines, a\ttab and \"\"quotes\"\".\"\n2\tsa_3.jpg\t");
        _folder.Write("SA1B/sa_1.jpg");

        AssertReads("long-dci",
            ("SA1B/sa_1.jpg", ["A plain one, with \"quotes\" inside."]),
            ("SA1B/sa_2.jpg", ["Two\nlines, a\ttab and \"quotes\"."]),
            ("SA1B/sa_3.jpg", [""]));
        Assert.Equal([2, 4, 6], DataSets.Open(_folder.FullPath).Select(image => image.Source.Number));
    }

    [Fact]
    public void Reads_the_first_five_captions_of_COCO()
    {
        _folder.Write("annotations/captions_val2017.json", """
            {"info": {"images": [1, 2]}, "licenses": [],
             "images": [{"license": 4, "file_name": "000000397133.jpg", "id": 397133}, {"file_name": "000000037777.jpg", "id": 37777}],
             "annotations": [
               {"image_id": 37777, "id": 1, "caption": "a"}, {"image_id": 397133, "id": 2, "caption": "first"}, {"image_id": 37777, "id": 3, "caption": "b"},
               {"image_id": 37777, "id": 4, "caption": "c"}, {"image_id": 37777, "id": 5, "caption": "d"}, {"image_id": 37777, "id": 6, "caption": "e"},
               {"image_id": 37777, "id": 7, "caption": "sixth"}]}
            """);
        _folder.Write("annotations/instances_val2017.json", """{"images": [], "annotations": []}""");
        _folder.Write("val2017/000000397133.jpg");
        _folder.Write("train2017/1.jpg");

        AssertReads("coco", ("val2017/000000397133.jpg", ["first"]), ("val2017/000000037777.jpg", ["a", "b", "c", "d", "e"]));
        Assert.Equal(2, DataSets.Open("coco:" + _folder.At("annotations/captions_val2017.json")).Count());
    }

    [Fact]
    public void Reads_COCO_whose_annotations_come_before_its_images()
    {
        _folder.Write("captions_tiny.json", """{"annotations": [{"image_id": 1, "caption": "a"}], "images": [{"id": 1, "file_name": "1.jpg"}]}""");

        AssertReads("coco", ("1.jpg", ["a"]));
    }

    [Fact]
    public void Reads_Flickr30k()
    {
        _folder.Write("results_20130124.token", "1000092795.jpg#0\tTwo young guys .\n1000092795.jpg#1\tTwo men # outside .\n10002456.jpg#0\t\n");
        _folder.Write("flickr30k-images/1000092795.jpg");

        AssertReads("flickr30k",
            ("flickr30k-images/1000092795.jpg", ["Two young guys .", "Two men # outside ."]),
            ("flickr30k-images/10002456.jpg", [""]));
    }

    [Fact]
    public void Reads_the_growing_texts_of_HiMo_Docci()
    {
        _folder.Write("himo_docci_data.json", HiMoDocciExcerpt.Text);

        CaptionedImage[] images = [.. DataSets.Open(_folder.FullPath)];

        Assert.Equal([5, 3, 3, 2, 2], images.Select(image => image.Captions.Count));
        Assert.Equal(_folder.At("test_00000.jpg"), images[0].ImagePath);
        Assert.Equal("A high angle view of an old faded street corner.", images[0].Captions[0]);
        Assert.EndsWith("with the words \"FIRE LANE\", heavily faded in white paint.", images[0].Captions[4]);
        Assert.All(images, image => Assert.Equal(image.Captions.OrderBy(c => c.Length), image.Captions));
    }

    [Fact]
    public void Reads_the_pairs_of_COLA()
    {
        _folder.Write("COLA_multiobjects_matching_benchmark.json", """
            [["https://example.org/data/vg_gqa_images/2414605.jpg", "white shirt on a blue chair", "2414606.jpg", "blue shirt on a white chair"]]
            """);
        _folder.Write("images/2414605.jpg");

        AssertReads("cola", ("images/2414605.jpg", ["white shirt on a blue chair"]), ("images/2414606.jpg", ["blue shirt on a white chair"]));
    }

    [Fact]
    public void Reads_a_folder_of_images_with_texts()
    {
        _folder.Write("b.PNG");
        _folder.Write("b.txt", "One.\nTwo.\n");
        _folder.Write("a/z.jpeg");
        _folder.Write("a/z.txt");
        _folder.Write("notes.md", "no image");

        AssertReads("image-folder", ("b.PNG", ["One. Two."]), ("a/z.jpeg", [""]));
    }

    [Fact]
    public void Reads_a_folder_for_each_class()
    {
        _folder.Write("dog/2.jpg");
        _folder.Write("dog/1.jpg");
        _folder.Write("tabby cat/more/1.webp");

        AssertReads("class-folder", ("dog/1.jpg", ["dog"]), ("dog/2.jpg", ["dog"]), ("tabby cat/more/1.webp", ["tabby cat"]));
    }

    [Fact]
    public void Reads_captions_longer_than_any_buffer()
    {
        string caption = string.Concat(Enumerable.Repeat("A long caption, told at length. ", 20_000)).Trim();
        string[] captions = ["short", caption, "", caption + "!", "end"];
        StringBuilder json = new("[");
        json.AppendJoin(",\n", captions.Select((c, i) => $$"""{"image": "{{i}}.jpg", "conversations": [{"value": "?"}, {"value": "{{c}}"}]}"""));
        _folder.Write("all.json", json.Append(']').ToString());
        _folder.Write("tsv/all.tsv", "filepath\ttitle\n" + string.Join('\n', captions.Select((c, i) => $"{i}.jpg\t\"{c}\"")));
        _folder.Write("folder/1.png");
        _folder.Write("folder/1.txt", caption);

        Assert.Equal(captions, DataSets.Open(_folder.At("all.json")).Select(image => image.Captions.Single()));
        Assert.Equal(captions, DataSets.Open(_folder.At("tsv")).Select(image => image.Captions.Single()));
        Assert.Equal(caption, DataSets.Open(_folder.At("folder")).Single().Captions.Single());
    }

    [Fact]
    public void Elements_may_straddle_the_buffer_at_any_byte()
    {
        for (int padding = 65_536 - 120; padding < 65_536 + 10; padding++)
        {
            string file = _folder.Write("all.json",
                new string(' ', 10) + "[" + new string(' ', padding) +
                """{"image": "1.jpg", "conversations": [{}, {"value": "é\n\u00e9"}]} , {"image": "2.jpg", "conversations": [{}, {"value": "b"}]} ] """);

            Assert.Equal(["é é", "b"], DataSets.Open(file, "sharegpt4v").Select(image => image.Captions.Single()));
        }
    }

    [Fact]
    public void A_file_may_begin_with_a_byte_order_mark()
    {
        string file = _folder.At("cola.json");
        File.WriteAllText(file, """[["a.jpg", "A", "b.jpg", "B"]]""", new UTF8Encoding(encoderShouldEmitUTF8Identifier: true));

        Assert.Equal(2, DataSets.Open(file).Count());
    }

    /// <summary>The set is told from its folder, and named, and reads the same each time.</summary>
    private void AssertReads(string format, params (string Path, string[] Captions)[] expected)
    {
        DataSet told = DataSets.Open(_folder.FullPath);
        Assert.Equal(format, told.Format);
        foreach (DataSet set in new[] { told, DataSets.Open($"{format}:{_folder.FullPath}"), told })
        {
            CaptionedImage[] images = [.. set];
            Assert.Equal(expected.Select(e => _folder.At(e.Path)), images.Select(image => image.ImagePath));
            Assert.Equal(expected.Select(e => e.Captions), images.Select(image => image.Captions));
        }
    }
}
