using System.Text.Json;
using HiMo.MLNet.Data;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Whatever a data set names stays in its folder.</summary>
public sealed class DataRootTests : IDisposable
{
    private static readonly SourceLocation Somewhere = new("list.txt", "line", 7);
    private readonly TemporaryFolder _folder = new();
    private readonly TemporaryFolder _outside = new();

    public void Dispose()
    {
        _folder.Dispose();
        _outside.Dispose();
    }

    [Theory]
    [InlineData("a.jpg", "a.jpg")]
    [InlineData("coco/train2017/1.jpg", "coco/train2017/1.jpg")]
    [InlineData(@"coco\train2017\1.jpg", "coco/train2017/1.jpg")]
    [InlineData("./a.jpg", "a.jpg")]
    [InlineData("..a/b..jpg", "..a/b..jpg")]
    public void Paths_inside_resolve_whether_or_not_they_exist(string path, string expected) =>
        Assert.Equal(_folder.At(expected), new DataRoot(_folder.FullPath).Resolve(path, Somewhere));

    [Theory]
    [InlineData("../a.jpg")]
    [InlineData("a/../../b.jpg")]
    [InlineData("a/../b.jpg")]
    [InlineData(@"a\..\..\b.jpg")]
    [InlineData("..")]
    [InlineData("/etc/passwd")]
    [InlineData(@"\\server\share\a.jpg")]
    [InlineData(@"C:\a.jpg")]
    [InlineData("C:a.jpg")]
    [InlineData("")]
    [InlineData("a/")]
    [InlineData(".")]
    [InlineData("a/.")]
    [InlineData("a\0b")]
    public void Paths_that_could_leave_are_refused_with_their_place(string path)
    {
        string file = _folder.Write("all.json", JsonSerializer.Serialize(new[] { new[] { "a.jpg", "A", path, "B" } }));

        InvalidDataException error = Assert.Throws<InvalidDataException>(() => DataSets.Open(file).Count());

        Assert.StartsWith($"{file}, element 1:", error.Message);
    }

    [FactWhereLinksCanBeMade]
    public void Links_out_are_refused_on_any_level()
    {
        _outside.Write("deep/secret.jpg");
        File.CreateSymbolicLink(_folder.At("file.jpg"), _outside.At("deep/secret.jpg"));
        Directory.CreateSymbolicLink(_folder.At("linked"), _outside.FullPath);
        File.CreateSymbolicLink(_folder.At("again.jpg"), _folder.At("linked/deep/secret.jpg"));
        File.CreateSymbolicLink(_folder.At("gone.jpg"), _outside.At("gone.jpg"));
        DataRoot root = new(_folder.FullPath);

        foreach (string path in new[] { "file.jpg", "linked/deep/secret.jpg", "again.jpg", "gone.jpg", "linked/not there.jpg" })
        {
            string message = Assert.Throws<InvalidDataException>(() => root.Resolve(path, Somewhere)).Message;
            Assert.StartsWith("list.txt, line 7:", message);
            Assert.Contains("link", message);
        }
    }

    [FactWhereLinksCanBeMade]
    public void Links_inside_are_followed()
    {
        _folder.Write("store/1.jpg");
        File.CreateSymbolicLink(_folder.At("a.jpg"), "store/1.jpg");
        Directory.CreateSymbolicLink(_folder.At("images"), "store");

        DataRoot root = new(_folder.FullPath);

        Assert.Equal(_folder.At("a.jpg"), root.Resolve("a.jpg", Somewhere));
        Assert.Equal(_folder.At("images/1.jpg"), root.Resolve("images/1.jpg", Somewhere));
    }

    [FactWhereLinksCanBeMade]
    public void The_root_itself_may_be_a_link()
    {
        _outside.Write("a.jpg");
        Directory.CreateSymbolicLink(_folder.At("set"), _outside.FullPath);

        Assert.Equal(_folder.At("set/a.jpg"), new DataRoot(_folder.At("set")).Resolve("a.jpg", Somewhere));
    }

    [FactWhereLinksCanBeMade]
    public void Links_in_a_circle_are_refused()
    {
        File.CreateSymbolicLink(_folder.At("a.jpg"), "b.jpg");
        File.CreateSymbolicLink(_folder.At("b.jpg"), "a.jpg");

        Assert.Contains("links", Assert.Throws<InvalidDataException>(() => new DataRoot(_folder.FullPath).Resolve("a.jpg", Somewhere)).Message);
    }

    [FactWhereLinksCanBeMade]
    public void A_folder_of_images_does_not_reach_out_through_links()
    {
        _folder.Write("a.png");
        _folder.Write("a.txt", "mine");
        _outside.Write("b.txt", "not mine");
        File.CreateSymbolicLink(_folder.At("b.png"), "a.png");
        File.CreateSymbolicLink(_folder.At("b.txt"), _outside.At("b.txt"));

        Assert.Throws<InvalidDataException>(() => DataSets.Open("image-folder:" + _folder.FullPath).Count());
    }

    [FactWhereLinksCanBeMade]
    public void A_linked_folder_is_no_second_copy()
    {
        _folder.Write("cat/1.png");
        _folder.Write("dog/1.png");
        Directory.CreateSymbolicLink(_folder.At("cat/self"), _folder.FullPath);

        Assert.Equal(2, DataSets.Open(_folder.FullPath).Count());

        Directory.CreateSymbolicLink(_folder.At("dog/out"), _outside.FullPath);
        Assert.Throws<InvalidDataException>(() => DataSets.Open(_folder.FullPath).Count());
    }
}
