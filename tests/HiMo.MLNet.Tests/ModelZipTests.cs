using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Tests;

/// <summary>What is in a model zip, and what is refused. The model is a small one with a vocabulary of 530 tokens and an image search.</summary>
public sealed class ModelZipTests : IDisposable
{
    private static readonly string s_oldModels = Path.Combine(AppContext.BaseDirectory, "OldModels");

    private readonly string _folder = Directory.CreateTempSubdirectory("himo-zip").FullName;
    private readonly MLContext _mlContext = new();

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private sealed class Row
    {
        public string ImagePath { get; set; } = "";
        public string Caption { get; set; } = "";
    }

    private IDataView Images => _mlContext.Data.LoadFromEnumerable(
    [
        new Row { ImagePath = "0.png", Caption = "The top is red" }, new Row { ImagePath = "1.png", Caption = "green and blue" },
        new Row { ImagePath = "2.png", Caption = "blue" }, new Row { ImagePath = "3.png", Caption = "" },
    ]);

    /// <summary>The model of format 1.2, saved again.</summary>
    private string Save(string name = "model.zip")
    {
        string zip = Path.Combine(_folder, name);
        ITransformer model = _mlContext.Model.Load(Path.Combine(s_oldModels, "format-1.2.zip"), out DataViewSchema schema);
        model.HiMoClipTransformers().Single().ImageFolder = s_oldModels;
        _mlContext.Model.Save(model, schema, zip);
        return zip;
    }

    /// <summary>Replaces an entry, and takes the hashes out so that something else finds it.</summary>
    private static void Replace(string zip, string name, Func<byte[], byte[]> change)
    {
        using ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update);
        ZipArchiveEntry entry = archive.Entries.First(e => e.FullName.EndsWith(name, StringComparison.Ordinal));
        byte[] content = change(Content(entry));
        string folder = entry.FullName[..^entry.Name.Length];
        archive.GetEntry(folder + "Sha256.txt")!.Delete();
        entry.Delete();
        using Stream written = archive.CreateEntry(folder + name[(name.LastIndexOf('/') + 1)..]).Open();
        written.Write(content);
    }

    private static byte[] Content(ZipArchiveEntry entry)
    {
        using Stream stream = entry.Open();
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }

    private static byte[] Content(string zip, string name)
    {
        using ZipArchive archive = ZipFile.OpenRead(zip);
        return Content(archive.Entries.First(e => e.Name == name));
    }

    private static string Changed(string settings, string setting, string damaged)
    {
        Assert.Contains(setting, settings, StringComparison.Ordinal);
        return settings.Replace(setting, damaged, StringComparison.Ordinal);
    }

    private CheckpointFormatException Refused(string zip) => Assert.Throws<CheckpointFormatException>(() => _mlContext.Model.LoadHiMoClip(zip, out _));

    [Fact]
    public void The_hashes_are_those_that_sha256sum_tells()
    {
        const string folder = "TransformerChain/Transform_000/";
        using ZipArchive archive = ZipFile.OpenRead(Save());

        string[] told = Encoding.ASCII.GetString(Content(archive.GetEntry(folder + "Sha256.txt")!)).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(
            ((string[])["Settings.json", "Vocabulary.txt", "Weights.safetensors", "Labels.sha256", "Labels.bin"])
                .Select(name => $"{Convert.ToHexStringLower(SHA256.HashData(Content(archive.GetEntry(folder + name)!)))}  {name}"), told);
    }

    [Fact]
    public void A_flipped_bit_is_refused_or_changes_nothing()
    {
        byte[] whole = File.ReadAllBytes(Save());
        string flipped = Path.Combine(_folder, "flipped.zip");
        (string Weights, string Values) expected = Numbers(Path.Combine(_folder, "model.zip"));
        int refused = 0;

        for (int i = 0; i < 80; i++)
        {
            byte[] bytes = [.. whole];
            bytes[(int)((long)whole.Length * i / 80)] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(flipped, bytes);
            (string Weights, string Values)? found = null;
            if (Record.Exception(() => found = Numbers(flipped)) is null)
            {
                Assert.Equal(expected, found);
            }
            else
            {
                refused++;
            }
        }

        Assert.InRange(refused, 70, 80);                                      // but for those in names and dates of the archive itself
    }

    // The weights by their hash, and what comes out of the whole chain.
    private (string, string) Numbers(string zip)
    {
        ITransformer model = _mlContext.Model.Load(zip, out _);
        using HiMoClipTransformer clip = model.HiMoClipTransformers().Single();
        IDataView scored = model.Transform(Images);
        IEnumerable<float> numbers = scored.GetColumn<float[]>("Probability").Concat(scored.GetColumn<float[]>("SearchScores")).SelectMany(row => row);
        IEnumerable<string> names = scored.GetColumn<string[]>("SearchResults").SelectMany(row => row);
        return (clip.Encoder.WeightsHash, string.Join(' ', [.. numbers, .. scored.GetColumn<uint>("Answer"), .. names]));
    }

    [Theory]
    [InlineData("{}", "Architecture")]
    [InlineData("[1", "Settings.json")]
    [InlineData("null", "found null")]
    public void Settings_that_are_none_are_refused(string settings, string expected)
    {
        string zip = Save();
        Replace(zip, "000/Settings.json", _ => Encoding.UTF8.GetBytes(settings));

        string message = Refused(zip).Message;

        Assert.StartsWith($"{zip}: the model zip: Settings.json: ", message, StringComparison.Ordinal);
        Assert.Contains(expected, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"EmbeddingDimension\":32", "\"EmbeddingDimension\":1000000000", "expected the tensors of the architecture in the settings")]
    [InlineData("\"VocabularySize\":530", "\"VocabularySize\":2000000000", "expected the tensors of the architecture in the settings")]
    [InlineData("\"TextLayers\":1", "\"TextLayers\":-1", "TextLayers must be a positive number; it is -1")]
    [InlineData("\"VisionLayers\":[1,1,1,1]", "\"VisionLayers\":null", "VisionLayers")]
    [InlineData("\"ImageEmbedding\":\"ImageEmbedding\"", "\"ImageEmbedding\":null", "ImageEmbedding")]
    [InlineData("\"ImageEmbedding\":\"ImageEmbedding\"", "\"ImageEmbedding\":\"TextEmbedding\"", "'TextEmbedding' is the name of two")]
    [InlineData("\"Image\":\"ImagePath\"", "\"Image\":null", "an image column where there are labels")]
    [InlineData("\"Threshold\":-0.0005", "\"Threshold\":9", "it is 9")]
    [InlineData("\"red\",", "null,", "A label is empty")]
    [InlineData("\"the top is {0}\"", "null", "has no {0}")]
    [InlineData("[\"red\",\"green\",\"blue\"]", "[\"red\",\"green\"]", "Labels.bin: expected 2 x 32 singles, found 384 bytes")]
    public void A_setting_out_of_range_is_refused_before_anything_is_made_of_it(string setting, string damaged, string expected)
    {
        string zip = Save();
        Replace(zip, "000/Settings.json", settings => Encoding.UTF8.GetBytes(Changed(Encoding.UTF8.GetString(settings), setting, damaged)));

        Assert.Contains(expected, Refused(zip).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"K\":3", "\"K\":1000000000", "K: expected 1 to 4, the number of images, found 1000000000")]
    [InlineData("\"K\":3", "\"K\":0", "K: expected 1 to 4")]
    [InlineData("\"Dimension\":32", "\"Dimension\":0", "Dimension: expected 1 to")]
    [InlineData("\"Dimension\":32", "\"Dimension\":31", "Embeddings.bin: expected 4 x 31 singles, found 512 bytes")]
    [InlineData("\"0.png\"", "null", "Names: expected names of images, found 4 of them, 1 null")]
    [InlineData("\"SearchScores\"", "\"SearchResults\"", "Columns: expected different names")]
    public void A_setting_of_an_image_search_out_of_range_is_refused(string setting, string damaged, string expected)
    {
        string zip = Save();
        Replace(zip, "001/Settings.json", settings => Encoding.UTF8.GetBytes(Changed(Encoding.UTF8.GetString(settings), setting, damaged)));

        Assert.Contains(expected, Refused(zip).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_that_promise_more_than_there_is_are_refused()
    {
        string zip = Save();
        Replace(zip, "Weights.safetensors", weights => weights[..^20_000]);

        Assert.Contains("Weights.safetensors: its tensors take", Refused(zip).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_image_folder_is_saved_and_can_be_set_in_a_loaded_chain()
    {
        ITransformer loaded = _mlContext.Model.LoadHiMoClip(Save(), out _);
        HiMoClipTransformer model = Assert.Single(loaded.HiMoClipTransformers());
        Assert.Equal(s_oldModels, model.ImageFolder);
        float[][] expected = [.. loaded.Transform(Images).GetColumn<float[]>("ImageEmbedding")];

        string moved = Path.Combine(_folder, "moved");
        Directory.CreateDirectory(moved);
        Enumerable.Range(0, 4).ToList().ForEach(i => File.Copy(Path.Combine(s_oldModels, $"{i}.png"), Path.Combine(moved, $"{3 - i}.png")));
        model.ImageFolder = moved;

        Assert.Equal(expected.Reverse(), loaded.Transform(Images).GetColumn<float[]>("ImageEmbedding"));
    }

    [Fact]
    public void Transformers_are_found_in_chains_of_chains()
    {
        ITransformer inner = _mlContext.Model.Load(Save(), out _);
        ITransformer outer = _mlContext.Transforms.CopyColumns("Copy", "Caption").Fit(Images).Append(inner);

        Assert.Same(inner.HiMoClipTransformers().Single(), outer.HiMoClipTransformers().Single());
        Assert.Empty(_mlContext.Transforms.CopyColumns("Copy", "Caption").Fit(Images).HiMoClipTransformers());
    }

    [Fact]
    public void Labels_are_not_embedded_anew()
    {
        string zip = Save();
        // The classes the other way round: what the model would make of the labels is not asked.
        Replace(zip, "Labels.bin", classes => [.. classes[256..], .. classes[128..256], .. classes[..128]]);

        float[][] expected = [.. _mlContext.Model.Load(Path.Combine(_folder, Save("whole.zip")), out _).Transform(Images).GetColumn<float[]>("Probability")];
        float[][] found = [.. _mlContext.Model.Load(zip, out _).Transform(Images).GetColumn<float[]>("Probability")];

        Assert.Equal(expected.Select(scores => scores.Reverse()), found);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Labels_are_embedded_anew_where_the_zip_has_other_weights_than_they_were_embedded_with(bool withoutPipeline)
    {
        string zip = Save(), other = Save("other.zip");
        // Whole zips, with hashes that are right, of which one says it embedded its labels with other weights.
        Rehash(other, "Labels.bin", classes => [.. classes[256..], .. classes[128..256], .. classes[..128]]);
        float[] swapped = Scores(other);
        Rehash(other, "Labels.sha256", sources => [.. sources.Select(b => b == (byte)'a' ? (byte)'b' : b)]);

        Assert.NotEqual(Scores(zip), swapped);
        Assert.Equal(Scores(zip), Scores(other), (a, b) => MathF.Abs(a - b) < 1e-6f);

        float[] Scores(string path)
        {
            string image = Path.Combine(s_oldModels, "0.png");
            if (!withoutPipeline)
            {
                return [.. _mlContext.Model.Load(path, out _).Transform(Images).GetColumn<float[]>("Probability").First()];
            }

            using var model = ClipEmbedder.Load(path);
            return [.. model.SavedClassifier!.Classify(image).Probabilities];
        }
    }

    /// <summary>Replaces an entry of the model, and its hash.</summary>
    private static void Rehash(string zip, string name, Func<byte[], byte[]> change)
    {
        using ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update);
        ZipArchiveEntry entry = archive.Entries.Single(e => e.Name == name);
        ZipArchiveEntry hashes = archive.GetEntry(entry.FullName[..^name.Length] + "Sha256.txt")!;
        byte[] old = Content(entry), content = change(old);
        string told = Changed(Encoding.UTF8.GetString(Content(hashes)), Hash(old), Hash(content));
        foreach ((ZipArchiveEntry written, byte[] bytes) in ((ZipArchiveEntry, byte[])[])[(entry, content), (hashes, Encoding.UTF8.GetBytes(told))])
        {
            using Stream stream = written.Open();
            stream.SetLength(0);
            stream.Write(bytes);
        }

        static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    [Fact]
    public void Weights_and_embeddings_are_stored_as_they_are()
    {
        using ZipArchive archive = ZipFile.OpenRead(Save());

        ZipArchiveEntry[] ours = [.. archive.Entries.Where(e => e.Name is "Weights.safetensors" or "Labels.bin" or "Embeddings.bin")];

        Assert.Equal(3, ours.Length);
        Assert.All(ours, entry => Assert.Equal(entry.Length, entry.CompressedLength));
    }

    [Fact]
    public void The_weights_hash_is_that_of_the_merges_as_text_and_the_weights()
    {
        string zip = Save();
        using var text = new GZipStream(new MemoryStream(Content(zip, "Vocabulary.txt")), CompressionMode.Decompress);
        using var content = new MemoryStream();
        text.CopyTo(content);
        content.Write(Content(zip, "Weights.safetensors"));

        using HiMoClipTransformer model = _mlContext.Model.Load(zip, out _).HiMoClipTransformers().Single();

        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(content.ToArray())), model.Encoder.WeightsHash);
    }

    [Fact]
    public void A_model_zip_is_applied_as_a_checkpoint_is_with_its_own_vocabulary()
    {
        string zip = Save();
        using HiMoClipTransformer saved = _mlContext.Model.Load(zip, out _).HiMoClipTransformers().Single();

        using HiMoClipTransformer model = _mlContext.Transforms.HiMoClip(zip).Fit(Images);
        model.ImageFolder = s_oldModels;

        foreach (string column in (string[])["ImageEmbedding", "TextEmbedding"])
        {
            Assert.Equal(saved.Transform(Images).GetColumn<float[]>(column), model.Transform(Images).GetColumn<float[]>(column));
        }

        Assert.Contains("expected the SHA-256", Damaged(zip), StringComparison.Ordinal);
    }

    private string Damaged(string zip)
    {
        using (ZipArchive archive = ZipFile.Open(zip, ZipArchiveMode.Update))
        {
            ZipArchiveEntry entry = archive.Entries.Single(e => e.Name == "Weights.safetensors");
            byte[] weights = Content(entry);
            weights[^5] ^= 1;
            string name = entry.FullName;
            entry.Delete();
            using Stream written = archive.CreateEntry(name).Open();
            written.Write(weights);
        }

        return Assert.Throws<CheckpointFormatException>(() => _mlContext.Transforms.HiMoClip(zip).Fit(Images)).Message;
    }

    [Fact]
    public void A_model_zip_is_fine_tuned_as_a_checkpoint_is()
    {
        string zip = Save();

        using HiMoClipTransformer tuned = new MLContext(seed: 1).Transforms.HiMoClip(new HiMoClipOptions
        {
            Checkpoint = zip,
            Epochs = 1,
            BatchSize = 4,
            ImageFolder = s_oldModels,
        }).Fit(Images);

        Assert.Equal(530, tuned.Architecture.VocabularySize);
        using HiMoClipTransformer before = _mlContext.Transforms.HiMoClip(zip).Fit(Images);
        float[][] texts = [.. ((HiMoClipTransformer[])[before, tuned]).Select(model => model.Transform(Images).GetColumn<float[]>("TextEmbedding").First())];
        Assert.NotEqual(texts[0], texts[1]);
    }
}
