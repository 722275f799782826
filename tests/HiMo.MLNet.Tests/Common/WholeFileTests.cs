using System.Text;

namespace HiMo.MLNet.Tests;

public sealed class WholeFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Target => _folder.At("model.zip");

    private static void Put(Stream stream, string text) => stream.Write(Encoding.UTF8.GetBytes(text));

    [Fact]
    public void Two_that_write_one_file_at_a_time_both_end_whole()
    {
        WholeFile.Write(Target, outer =>
        {
            Put(outer, "first ");
            WholeFile.Write(Target, inner => Put(inner, "second"));
            Assert.Equal("second", File.ReadAllText(Target));
            Put(outer, "whole");
        });

        Assert.Equal("first whole", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder.FullPath));
    }

    [Fact]
    public void A_failure_keeps_the_older_file_and_leaves_nothing_beside_it()
    {
        File.WriteAllText(Target, "old");
        var failure = new InvalidOperationException("mine");

        Assert.Same(failure, Assert.Throws<InvalidOperationException>(() => WholeFile.Write(Target, stream =>
        {
            Put(stream, "new");
            throw failure;
        })));

        Assert.Equal("old", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder.FullPath));
    }

    [Fact]
    public void A_folder_in_the_place_of_the_file_is_an_error_and_leaves_nothing_beside_it()
    {
        Directory.CreateDirectory(Target);

        Assert.ThrowsAny<SystemException>(() => WholeFile.Write(Target, stream => Put(stream, "new")));

        Assert.Empty(Directory.GetFiles(_folder.FullPath));
    }

    [Fact]
    public void A_folder_that_is_not_there_or_vanishes_is_named()
    {
        string folder = _folder.At("run"), file = Path.Combine(folder, "model.zip");

        DirectoryNotFoundException missing = Assert.Throws<DirectoryNotFoundException>(() => WholeFile.Write(file, _ => Assert.Fail("It wrote.")));
        Assert.Contains($"'{file}' could not be written: there is no folder '{folder}'", missing.Message);

        Directory.CreateDirectory(folder);
        DirectoryNotFoundException vanished = Assert.Throws<DirectoryNotFoundException>(() => WholeFile.Write(file, stream =>
        {
            Put(stream, "new");
            Directory.Delete(folder, recursive: true);
        }));
        Assert.Equal(missing.Message, vanished.Message);
    }

    [Fact]
    public void What_a_killed_process_left_goes_with_the_next_write_and_what_is_being_written_stays()
    {
        string abandoned = _folder.Write("model.zip.abcdefgh.partial", "half"), other = _folder.Write("other.zip.abcdefgh.partial", "half");
        WholeFile.Write(Target, outer =>
        {
            Put(outer, "new");
            Assert.False(File.Exists(abandoned));
            string[] partial = Directory.GetFiles(_folder.FullPath);

            WholeFile.DeleteAbandoned(_folder.FullPath, "*.zip");

            Assert.Equal(partial.Where(file => file != other), Directory.GetFiles(_folder.FullPath));
        });

        Assert.Equal("new", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder.FullPath));
    }
}
