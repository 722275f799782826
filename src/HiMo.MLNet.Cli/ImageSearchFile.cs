using HiMo.MLNet.Scoring;
using Microsoft.ML;
using Microsoft.ML.Data;

namespace HiMo.MLNet.Cli;

/// <summary>An index of images: the ML.NET model zip that <c>HiMoClipImageSearch</c> makes, with the model that embedded them.</summary>
/// <param name="Model">Embeds.</param>
/// <param name="Search">The images.</param>
internal sealed record ImageSearchFile(HiMoClipTransformer Model, HiMoClipImageSearchTransformer Search) : IDisposable
{
    private const int DefaultK = 10;

    public void Dispose() => Model.Dispose();

    /// <exception cref="InvalidDataException">The file is no index.</exception>
    /// <exception cref="CheckpointFormatException">It is damaged.</exception>
    public static ImageSearchFile Open(MLContext mlContext, string path)
    {
        ITransformer loaded;
        try
        {
            loaded = mlContext.Model.LoadHiMoClip(path, out _);
        }
        catch (Exception e) when (e is not (CheckpointFormatException or FileNotFoundException or DirectoryNotFoundException))
        {
            throw NoIndex(path, e);
        }

        return HiMoClipModelCatalog.Parts(loaded).ToArray() is [HiMoClipTransformer model, HiMoClipImageSearchTransformer search]
            ? new(model, search) : throw NoIndex(path, null);
    }

    /// <param name="mlContext">Writes.</param>
    /// <param name="stream">The file.</param>
    /// <param name="model">That embedded the images.</param>
    /// <param name="images">At least one, by their names, with how their files were.</param>
    public static void Save(MLContext mlContext, Stream stream, HiMoClipTransformer model, IReadOnlyCollection<IndexedImage> images)
    {
        var builder = new ImageIndexBuilder(images.First().Embedding.Length, normalized: true);
        foreach (IndexedImage image in images)
        {
            builder.Add(image.Name, image.Embedding.Span);
        }

        var columns =
            new SearchColumns(null, model.ImageEmbeddingColumnName, "SearchResults", "SearchScores", model.TextEmbeddingColumnName);
        var search = new HiMoClipImageSearchTransformer(Math.Min(DefaultK, images.Count), columns, builder.Build(),
            [.. images.Select(image => image.File)]);
        mlContext.Model.Save(new TransformerChain<ITransformer>(model, search), ModelFile.NoRows(mlContext).Schema, stream);
    }

    /// <summary>The images, each with how its file was; without that, those of an index that was made otherwise are none.</summary>
    public IEnumerable<IndexedImage> Images() => Search.Files is { } files
        ? files.Select((file, i) => new IndexedImage(Search.Images.Names[i], file, Search.Images.Embedding(i).ToArray()))
        : [];

    private static InvalidDataException NoIndex(string path, Exception? inner) =>
        new($"'{path}': expected an index as 'himo index' writes it, found another file.", inner);
}

/// <summary>An image in an index.</summary>
/// <param name="Name">Its full path.</param>
/// <param name="File">How its file was when it was embedded.</param>
/// <param name="Embedding">d numbers, of length 1.</param>
internal sealed record IndexedImage(string Name, FileStamp File, ReadOnlyMemory<float> Embedding);
