using System.Text;
using HiMo.MLNet.Embedding;
using HiMo.MLNet.Evaluation;

namespace HiMo.MLNet.Tests.Evaluation;

public sealed class EmbeddingCacheTests : IDisposable
{
    private const string Model = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private readonly TemporaryFolder _folder = new();
    private readonly List<string> _warnings = [];

    public void Dispose() => _folder.Dispose();

    private EmbeddingCache Open(string model = Model, int dimension = 3) => new(_folder.FullPath, model, dimension, _warnings.Add);

    private string[] Files => Directory.GetFiles(_folder.FullPath, "*", SearchOption.AllDirectories);

    private void Write(params string[] texts)
    {
        using EmbeddingCache cache = Open();
        foreach (string text in texts)
        {
            cache.Add(ContentKey.OfText(text), [text.Length, 0.5f, -1]);
        }
    }

    private static float[]? Get(EmbeddingCache cache, string text)
    {
        float[] embedding = new float[3];
        return cache.TryGet(ContentKey.OfText(text), embedding) ? embedding : null;
    }

    [Fact]
    public void Keeps_embeddings_from_one_run_to_the_next()
    {
        Write("a", "bb");
        Write("ccc");

        using EmbeddingCache cache = Open();

        Assert.Equal(3, cache.Count);
        Assert.Equal([1, 0.5f, -1], Get(cache, "a")!);
        Assert.Equal([3, 0.5f, -1], Get(cache, "ccc")!);
        Assert.Equal([2, 0.5f, -1], Get(cache, "bb")!);
        Assert.Null(Get(cache, "d"));
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Each_model_has_its_own()
    {
        Write("a");

        using EmbeddingCache other = Open(Model.Replace('0', 'f'));

        Assert.Null(Get(other, "a"));
    }

    [Fact]
    public void A_text_and_a_image_of_the_same_bytes_differ() =>
        Assert.NotEqual(ContentKey.OfText("a"), ContentKey.OfImage(new MemoryStream(Encoding.UTF8.GetBytes("a"))));

    [Fact]
    public void What_was_added_is_there_before_it_is_written_and_written_before_the_end()
    {
        using EmbeddingCache cache = Open();
        for (int i = 0; i < EmbeddingCache.FileEntries + 1; i++)
        {
            cache.Add(ContentKey.OfText($"{i}"), [i, i, i]);
        }

        Assert.Equal([0, 0, 0], Get(cache, "0")!);
        Assert.Equal([512, 512, 512], Get(cache, "512")!);

        // As after a killed process: a full file, and the rest is lost.
        using EmbeddingCache other = Open();
        Assert.Equal(EmbeddingCache.FileEntries, other.Count);
    }

    [Theory]
    [InlineData(0, "not a whole file")]                 // the name of the format
    [InlineData(8, "not a whole file")]                 // d
    [InlineData(12, "not a whole file")]                // the number of entries
    [InlineData(16 + 32, "does not match its check")]   // the first check, behind two keys
    [InlineData(16 + 48, "does not match its check")]   // the first value, behind two checks
    public void A_damaged_file_is_reported_once_and_computed_again(int place, string reason)
    {
        Write("a", "bb");
        string file = Assert.Single(Files);
        byte[] bytes = File.ReadAllBytes(file);
        bytes[place] ^= 0x10;
        File.WriteAllBytes(file, bytes);

        using (EmbeddingCache cache = Open())
        {
            Assert.Null(Get(cache, "a"));
            Assert.Null(Get(cache, "bb"));
            cache.Add(ContentKey.OfText("a"), [7, 7, 7]);
        }

        Assert.Contains(reason, Assert.Single(_warnings));
        Assert.Contains(file, _warnings[0]);
        using EmbeddingCache next = Open();
        Assert.Equal([7, 7, 7], Get(next, "a")!);
        Assert.Single(_warnings);
        Assert.False(File.Exists(file));
    }

    [Fact]
    public void A_file_that_was_cut_short_is_computed_again()
    {
        Write("a");
        string file = Assert.Single(Files);
        using (FileStream stream = File.OpenWrite(file))
        {
            stream.SetLength(stream.Length - 1);
        }

        using EmbeddingCache cache = Open();

        Assert.Null(Get(cache, "a"));
        Assert.Single(_warnings);
    }

    [Fact]
    public void What_an_interrupted_write_left_is_not_read_and_goes()
    {
        Write("a");
        string partial = Files[0] + ".abcdefgh.partial";
        File.Move(Assert.Single(Files), partial);

        using EmbeddingCache cache = Open();

        Assert.Null(Get(cache, "a"));
        Assert.Empty(_warnings);
        Assert.Empty(Files);
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_reported_and_done_without()
    {
        string file = _folder.Write("file");

        using (var cache = new EmbeddingCache(file, Model, 3, _warnings.Add))
        {
            cache.Add(ContentKey.OfText("a"), [1, 2, 3]);
            Assert.Null(Get(cache, "a"));
        }

        Assert.Contains(file, Assert.Single(_warnings));
    }
}
