using HiMo.MLNet.Data;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Tar shards as img2dataset writes them: NAME.jpg, NAME.txt and NAME.json one after the other.</summary>
public sealed class WebDatasetTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static (string, byte[])[] Sample(string key, string caption) =>
        [($"{key}.jpg", Shards.Utf8($"image {key}")), ($"{key}.txt", Shards.Utf8(caption)), ($"{key}.json", Shards.Utf8($$"""{"url": "https://x.org/{{key}}", "caption": "{{caption}}, in JSON"}"""))];

    private string Shard(string name, params string[] keys) => Shards.Tar(_folder.At(name), [.. keys.SelectMany(key => Sample(key, $"caption {key}"))]);

    private static string[] Keys(string location) => [.. DataSets.Open(location).Select(image => Path.GetFileNameWithoutExtension(image.ImagePath))];

    private static string Text(CaptionedImage image) => System.Text.Encoding.UTF8.GetString(image.Encoded!());

    private static string Fails(string location) =>
        Assert.Throws<InvalidDataException>(() => DataSets.Open(location).Select(image => image.Encoded!().Length).Sum()).Message;

    [Fact]
    public void Members_of_one_name_are_an_image_with_its_caption()
    {
        Shards.Tar(_folder.At("a.tar"),
            [.. Sample("000000000", "A cat.\n"), ("000000001.png", [1, 2]), ("000000001.cls", [5]), ("dir/2.json", Shards.Utf8("""{"caption": "From JSON."}""")), ("dir/2.webp", [])]);

        CaptionedImage[] images = [.. DataSets.Open($"webdataset:{_folder.At("a.tar")}")];

        Assert.Equal(["a.tar/000000000.jpg", "a.tar/000000001.png", "a.tar/dir/2.webp"], images.Select(image => image.ImagePath));
        Assert.Equal(["A cat.", "", "From JSON."], images.Select(image => string.Join('|', image.Captions)));
        Assert.Empty(images[1].Captions);
        Assert.Equal("image 000000000", Text(images[0]));
        Assert.Equal([1, 2], images[1].Encoded!());
    }

    [Fact]
    public void A_field_of_the_JSON_may_be_the_caption()
    {
        Shard("a.tar", "1");

        Assert.Equal("https://x.org/1", Assert.Single(DataSets.Open(_folder.At("a.tar?caption=url"))).Captions.Single());
        Assert.Empty(Assert.Single(DataSets.Open(_folder.At("a.tar?caption=title"))).Captions);
    }

    [Fact]
    public void A_folder_braces_and_a_pattern_name_the_same_shards()
    {
        string[] keys = [.. Enumerable.Range(8, 5).Select(i => $"{i}")];
        foreach (string key in keys)
        {
            Shard($"shards/{int.Parse(key):d3}.tar", key);
        }

        Assert.Equal(keys, Keys(_folder.At("shards")));
        Assert.Equal(keys, Keys($"webdataset:{_folder.At("shards/{008..012}.tar")}"));
        Assert.Equal(keys, Keys(_folder.At("shards/*.tar")));
        Assert.Equal(["8", "10"], Keys(_folder.At("{shards,shards}/{008,010}.tar")).Distinct());
        Assert.Contains("013.tar", Assert.Throws<FileNotFoundException>(() => Keys(_folder.At("shards/{008..013}.tar"))).Message, StringComparison.Ordinal);
        Assert.Throws<FileNotFoundException>(() => Keys(_folder.At("shards/x*.tar")));
    }

    [Fact]
    public void Shares_are_of_whole_shards_and_together_everything()
    {
        foreach (int shard in Enumerable.Range(0, 5))
        {
            Shard($"{shard}.tar", $"{shard}a", $"{shard}b");
        }

        Assert.Equal(["0a", "0b", "2a", "2b", "4a", "4b"], Keys($"{_folder.At("*.tar")}?shard=0/2"));
        Assert.Equal(["1a", "1b", "3a", "3b"], Keys($"webdataset:{_folder.FullPath}?shard=1/2"));
        Assert.Equal([1, 3], DataSets.Open($"webdataset:{_folder.FullPath}?shard=1/2").Shards!.Select(shard => shard.Number));
        Assert.Contains("6", Assert.Throws<InvalidDataException>(() => Keys($"webdataset:{_folder.FullPath}?shard=0/6")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shuffles_shards_and_the_images_in_them_the_same_way_in_every_pass()
    {
        string[] keys = [.. Enumerable.Range(0, 60).Select(i => $"{i:d2}")];
        foreach ((int i, string[] some) in keys.Chunk(10).Index())
        {
            Shard($"{i}.tar", some);
        }

        DataSet set = DataSets.Open($"webdataset:{_folder.FullPath}?shuffle=3&buffer=15");
        string[] first = [.. set.Select(image => image.ImagePath)], again = [.. set.Select(image => image.ImagePath)];
        string[] other = Keys($"webdataset:{_folder.FullPath}?shuffle=4&buffer=15");

        Assert.Equal(first, again);
        Assert.Equal(keys, first.Select(path => Path.GetFileNameWithoutExtension(path)).Order());
        Assert.NotEqual(first.Select(path => Path.GetFileNameWithoutExtension(path)), other);
        Assert.True(first.Take(15).Select(path => path[0]).Distinct().Count() > 1, "A buffer of 15 goes beyond a shard of 10.");
        Assert.Equal(first.Length, set.Count(image => Text(image) == $"image {Path.GetFileNameWithoutExtension(image.ImagePath)}"));
    }

    [Fact]
    public void A_view_reads_the_bytes_again_in_every_pass()
    {
        Shard("a.tar", "1", "2");

        IDataView data = new MLContext().Data.LoadFromImageCaptions($"webdataset:{_folder.FullPath}");

        Assert.Equal(new VectorDataViewType(NumberDataViewType.Byte), data.Schema["ImageSource"].Type);
        for (int pass = 0; pass < 2; pass++)
        {
            Assert.Equal(["image 1", "image 2"], data.GetColumn<byte[]>("ImageSource").Select(System.Text.Encoding.UTF8.GetString));
            Assert.Equal(["caption 1", "caption 2"], data.GetColumn<string>("Caption"));
            Assert.Equal(["a.tar/1.jpg", "a.tar/2.jpg"], data.GetColumn<string>("ImagePath"));
        }
    }

    [Fact]
    public void A_shard_that_is_cut_anywhere_is_an_error_that_names_shard_and_member()
    {
        byte[] whole = File.ReadAllBytes(Shard("a.tar", "1", "2"));
        int end = whole.Length - 1024;                                        // two blocks of zeros
        for (int cut = 0; cut <= end; cut += 128)
        {
            File.WriteAllBytes(_folder.At("cut.tar"), whole[..cut]);

            string message = Fails(_folder.At("cut.tar"));

            Assert.StartsWith(_folder.At("cut.tar"), message, StringComparison.Ordinal);
            Assert.Contains(" cut", message, StringComparison.Ordinal);
            Assert.Contains(cut < 512 ? "at its start" : cut <= 1024 ? "'1.jpg'" : cut > end - 512 ? "'2.json'" : "member", message, StringComparison.Ordinal);
        }

        File.WriteAllBytes(_folder.At("cut.tar"), whole[..(end + 512)]);      // one block ends it, too
        Assert.Equal(["1", "2"], Keys(_folder.At("cut.tar")));
    }

    [Fact]
    public void Samples_that_make_no_sense_are_errors_that_name_shard_and_member()
    {
        (string Name, (string, byte[])[] Members, string Expected)[] cases =
        [
            ("no image", [("1.jpg", [1]), ("2.txt", [65])], "'2': expected an image"),
            ("torn", [("1.jpg", [1]), ("2.jpg", [1]), ("1.txt", [65])], "'1': expected an image"),
            ("two images", [("1.jpg", [1]), ("1.png", [1])], "'1.png': the sample has '1.jpg'"),
            ("two captions", [("1.jpg", [1]), ("1.txt", [65]), ("1.txt", [65])], "'1.txt': the sample has '1.txt'"),
            ("no JSON", [("1.jpg", [1]), ("1.json", Shards.Utf8("{"))], "'1.json': expected a JSON object"),
            ("no text", [("1.jpg", [1]), ("1.json", Shards.Utf8("""{"caption": 5}"""))], "'1.json': expected 'caption' to be String, found Number"),
        ];
        foreach ((string name, (string, byte[])[] members, string expected) in cases)
        {
            string file = Shards.Tar(_folder.At($"{name}.tar"), members);

            Assert.StartsWith($"{file}, member {expected}", Fails(file), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Names_that_lead_out_are_names_and_nothing_else()
    {
        Shards.Tar(_folder.At("set/a.tar"), ("../evil.jpg", [1]), ("/etc/x.jpg", [2]));

        Assert.Equal([[1], [2]], DataSets.Open(_folder.At("set")).Select(image => image.Encoded!()));
        Assert.Equal([_folder.At("set/a.tar")], Directory.EnumerateFiles(_folder.FullPath, "*", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("shard=2/2", "'2/2'")]
    [InlineData("shard=1", "'1'")]
    [InlineData("buffer=0", "'0'")]
    [InlineData("shuffle=x", "'x'")]
    [InlineData("size=4", "'size=4'")]
    [InlineData("shuffle=1&shuffle=2", "'shuffle=2'")]
    public void Options_that_make_no_sense_are_refused(string options, string found)
    {
        Shard("a.tar", "1");

        Assert.Contains(found, Assert.Throws<ArgumentException>(() => DataSets.Open($"webdataset:{_folder.FullPath}?{options}")).Message, StringComparison.Ordinal);
    }
}
