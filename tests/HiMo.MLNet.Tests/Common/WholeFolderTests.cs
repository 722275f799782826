namespace HiMo.MLNet.Tests;

public sealed class WholeFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Target => _folder.At("model");

    private void Put(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Target, name))!);
        File.WriteAllText(Path.Combine(Target, name), text);
    }

    private static void Write(string folder, params (string Name, string Text)[] files)
    {
        foreach ((string name, string text) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            File.WriteAllText(Path.Combine(folder, name), text);
        }
    }

    private Dictionary<string, string> Files() => Directory.GetFiles(_folder.FullPath, "*", SearchOption.AllDirectories).ToDictionary(
        path => Path.GetRelativePath(_folder.FullPath, path).Replace('\\', '/'), File.ReadAllText);

    [Fact]
    public void A_new_folder_appears_with_all_its_files()
    {
        WholeFolder.Write(Target + Path.DirectorySeparatorChar, part =>
        {
            Write(part, ("a", "1"), ("onnx/b", "2"));
            Assert.False(Directory.Exists(Target));
        });

        Assert.Equal(new() { ["model/a"] = "1", ["model/onnx/b"] = "2" }, Files());
    }

    [Fact]
    public void Other_files_of_the_folder_stay()
    {
        Put("a", "old");
        Put("onnx/other", "mine");

        WholeFolder.Write(Target, part =>
        {
            Write(part, ("a", "1"), ("onnx/b", "2"));
            Assert.Equal("old", File.ReadAllText(Path.Combine(Target, "a")));
        });

        Assert.Equal(new() { ["model/a"] = "1", ["model/onnx/b"] = "2", ["model/onnx/other"] = "mine" }, Files());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_failure_leaves_everything_as_it_was(bool exists)
    {
        if (exists)
        {
            Put("a", "old");
        }

        Dictionary<string, string> before = Files();
        var failure = new InvalidOperationException("mine");

        Assert.Same(failure, Assert.Throws<InvalidOperationException>(() => WholeFolder.Write(Target, part =>
        {
            Write(part, ("a", "1"));
            throw failure;
        })));

        Assert.Equal(before, Files());
        Assert.Equal(exists ? ["model"] : [], Directory.GetFileSystemEntries(_folder.FullPath).Select(Path.GetFileName));
    }

    [Fact]
    public void A_file_that_cannot_be_replaced_brings_the_older_ones_back()
    {
        Put("a", "old");
        Put("c/in the place of a file", "mine");
        Dictionary<string, string> before = Files();

        Assert.ThrowsAny<SystemException>(() => WholeFolder.Write(Target, part => Write(part, ("a", "1"), ("b", "2"), ("c", "3"))));

        Assert.Equal(before, Files());
    }

    [Fact]
    public void Older_files_that_a_killed_process_had_moved_aside_are_not_deleted()
    {
        Write(_folder.FullPath, ("model/.abcdefgh.partial/lock", ""), ("model/.abcdefgh.partial/older/a", "old"));

        WholeFolder.Write(Target, part => Write(part, ("b", "1")));

        Assert.Equal("old", Files()["model/.abcdefgh.partial/older/a"]);
    }

    [Fact]
    public void Two_that_write_one_folder_at_a_time_both_end()
    {
        WholeFolder.Write(Target, outer =>
        {
            Write(outer, ("a", "first"));
            WholeFolder.Write(Target, inner => Write(inner, ("a", "second"), ("b", "second")));
            Assert.Equal("second", File.ReadAllText(Path.Combine(Target, "a")));
            Assert.True(Directory.Exists(outer));
        });

        Assert.Equal(new() { ["model/a"] = "first", ["model/b"] = "second" }, Files());
    }

    [Fact]
    public void What_a_killed_process_left_behind_goes_and_what_another_one_writes_stays()
    {
        Write(_folder.FullPath, ("model.abcdefgh.partial/lock", ""), ("model.abcdefgh.partial/new/a", "half"),
            ("model.stuvwxyz.partial/lock", ""), ("other.abcdefgh.partial/lock", ""));
        using (new FileStream(_folder.At("model.stuvwxyz.partial/lock"), FileMode.Open, FileAccess.Write, FileShare.None))
        {
            WholeFolder.Write(Target, part => Write(part, ("a", "1")));
        }

        Assert.Equal(["model", "model.stuvwxyz.partial", "other.abcdefgh.partial"],
            Directory.GetFileSystemEntries(_folder.FullPath).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}
