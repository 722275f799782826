using Microsoft.ML;

namespace HiMo.MLNet.Tests.Data;

/// <summary>Shards and tables give what the same images give as files.</summary>
public sealed class ShardedPipelineTests : IDisposable
{
    private readonly ToyImages _toys = new();

    public void Dispose() => _toys.Dispose();

    private string Folder()
    {
        string folder = Directory.CreateDirectory(Path.Combine(_toys.Folder, "files")).FullName;
        foreach ((int i, ToyImages.Row row) in _toys.Rows.Index())
        {
            File.Copy(row.ImagePath, Path.Combine(folder, $"{i:d2}.png"));
            File.WriteAllText(Path.Combine(folder, $"{i:d2}.txt"), row.Caption);
        }

        return $"image-folder:{folder}";
    }

    private string Tars()
    {
        string folder = Path.Combine(_toys.Folder, "shards");
        foreach ((int shard, (int Index, ToyImages.Row Item)[] rows) in _toys.Rows.Index().Chunk(6).Index())
        {
            Shards.Tar(Path.Combine(folder, $"{shard:d5}.tar"), [.. rows.SelectMany(row => ((string, byte[])[])
                [($"{row.Index:d2}.png", File.ReadAllBytes(row.Item.ImagePath)), ($"{row.Index:d2}.txt", Shards.Utf8(row.Item.Caption))])]);
        }

        return $"webdataset:{folder}/{{00000..00002}}.tar";
    }

    private string Table() => "parquet:" + Shards.Table<byte[]>(Path.Combine(_toys.Folder, "table.parquet"), "image",
        [.. _toys.Rows.Select(row => File.ReadAllBytes(row.ImagePath))], [.. _toys.Rows.Select(row => row.Caption)], rowsPerGroup: 5);

    [Fact]
    public void Training_ends_with_the_weights_of_a_training_on_files()
    {
        string Weights(string location, string column)
        {
            MLContext mlContext = new(seed: 3);
            HiMoClipOptions options = ToyImages.Options(epochs: 2);
            options.ImageColumnName = column;
            using HiMoClipTransformer model = mlContext.Transforms.HiMoClip(options).Fit(mlContext.Data.LoadFromImageCaptions(location));
            using ClipEmbedder embedder = model.CreateEmbedder();
            return embedder.WeightsHash;
        }

        string files = Weights(Folder(), "ImagePath");

        Assert.Equal(files, Weights(Tars(), "ImageSource"));
        Assert.Equal(files, Weights(Table(), "ImageSource"));
    }

    [Fact]
    public void Evaluation_gives_the_figures_of_files()
    {
        using var model = ClipEmbedder.Load(_toys.Checkpoint());

        HiMoClipMetrics files = model.Evaluate(Folder()), tars = model.Evaluate(Tars()), table = model.Evaluate(Table());

        Assert.Equal(16, tars.ImageCount);
        Assert.Equal(files.Retrieval, tars.Retrieval);
        Assert.Equal(files.Retrieval, table.Retrieval);
        Assert.Equal(files.Monotonicity.Select(m => m.Score), tars.Monotonicity.Select(m => m.Score));
    }
}
